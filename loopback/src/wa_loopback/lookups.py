"""What clients ask about others: who has a number, which devices, which keys, who is in a group."""

from __future__ import annotations

import time

from .device import Device
from .errors import Malformed
from .group import Group
from .nodes import Attrs, Jid, Node
from .person import Person
from .prekey_nodes import bundle_nodes
from .signal import PreKeyBundle
from .world import World

_NOT_FOUND = Node("error", {"code": "404", "text": "item-not-found"})


def prekey_bundles(world: World, asked: Node) -> tuple[Node, ...]:
    """Answer iq `encrypt`, `get`, `key`: a bundle for each address, under the address asked for."""
    users = []
    for each in asked.children:
        jid = _address(each)
        bundle = _bundle(world.directory.person(jid), jid.device or 0)
        content = (_NOT_FOUND,) if bundle is None else bundle_nodes(bundle)
        attrs: Attrs = {"jid": jid, "t": str(int(time.time()))}
        users.append(Node("user", attrs, content))
    return (Node("list", {}, tuple(users)),)


def _bundle(person: Person | None, index: int) -> PreKeyBundle | None:
    if person is None:
        return None
    if index in person.own_devices:
        return person.keyring(index).prekeys.bundle()
    client = next((each for each in person.devices if each.index == index), None)
    return None if client is None or client.prekeys is None else client.prekeys.take()


def users(world: World, request: Node) -> tuple[Node, ...]:
    """Answer iq `usync`: of each user the hidden address, the devices, or whether there is one."""
    asked = request.child("usync") or Node("usync")
    query, listed = asked.child("query"), asked.child("list")
    wanted = {node.tag for node in (query.children if query else ())}
    found = (_user(world, each, wanted) for each in (listed.children if listed else ()))
    answers = tuple(node for node in found if node is not None)
    attrs = {name: asked.text(name) for name in ("sid", "mode", "context", "index", "last")}
    result = Node("result", {}, tuple(Node(tag) for tag in sorted(wanted)))
    return (Node("usync", attrs, (result, Node("list", {}, answers))),)


def _user(world: World, asked: Node, wanted: set[str]) -> Node | None:
    """Say what is wanted of one user; None if nobody has the address."""
    contact, jid = asked.child("contact"), asked.address("jid")
    if contact is not None:  # asked for by number
        number = Jid("".join(each for each in contact.data.decode() if each.isdecimal()))
        person = world.directory.person(number)
        known = Node("contact", {"type": "out" if person is None else "in"}, contact.data)
        attrs: Attrs = {"jid": number if person is None else person.lid, "pn_jid": number}
        return Node("user", attrs, (known,))
    person = None if jid is None else world.directory.person(jid)
    if person is None:
        return None
    said = []
    if "devices" in wanted:
        said.append(Node("devices", {}, (_device_list(person),)))
    if "lid" in wanted:
        said.append(Node("lid", {"val": person.lid}))
    return Node("user", asked.attrs, tuple(said))


def _device_list(person: Person) -> Node:
    own = [Node("device", {"id": str(index)}) for index in person.own_devices]
    clients = [
        Node("device", {"id": str(client.index), "key-index": str(client.index)})
        for client in person.devices
    ]
    return Node("device-list", {"hash": "2:loopback"}, (*own, *clients))


def groups(world: World, device: Device, request: Node) -> tuple[Node, ...] | None:
    """Answer iq `w:g2`, `get`: a group, or those a client is in; None if there is no such group."""
    known = [chat for chat in world.directory.chats if isinstance(chat, Group)]
    if request.child("participating") is not None:
        nodes = tuple(each.node() for each in known if device.phone in each.members)
        return (Node("groups", {}, nodes),)
    group = world.directory.chat(_address(request, "to"))
    return (group.node(),) if isinstance(group, Group) else None


def _address(node: Node, name: str = "jid") -> Jid:
    value = node.address(name)
    if value is None:
        raise Malformed(f"{node!r} has no address in {name}")
    return value
