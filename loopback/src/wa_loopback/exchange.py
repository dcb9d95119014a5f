"""What a client sends to others: messages, receipts and acknowledgements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from .addressing import GROUPS, NEWSLETTERS, Addressing
from .answers import RefuseMessage, Silence
from .chat import Chat
from .connection import Connection
from .contact import Contact
from .device import Device
from .errors import Malformed
from .mailbox import key_of
from .nodes import Jid, Node, Value
from .observations import Acknowledged, MessageSent, NotDecrypted, RetryRequested
from .person import Incoming, Person, ReceiptHeard
from .prekey_nodes import read_retry, retry_nodes
from .signal import Kind, Sealed, Undecryptable
from .world import World
from .writer import Writer

_MOST_RETRIES = 4  # as many as whatsmeow asks for, `retry.go`

_Handler: TypeAlias = Callable[[World, Connection, Device, Node], None]


def take(world: World, connection: Connection, node: Node) -> None:
    """Take a stanza which is no request; of what nobody here needs, nothing is made.

    Raises `Malformed`.
    """
    handler = _STANZAS.get(node.tag)
    if handler is not None and connection.device is not None:
        handler(world, connection, connection.device, node)
        world.changes.wake()


def _message(world: World, connection: Connection, device: Device, node: Node) -> None:
    """Hand a message to everybody whom it is for, and acknowledge it as the script says."""
    answer = world.message_script.next()
    ack: dict[str, Value] = {
        "class": "message",
        "id": node.text("id"),
        "from": _address(node, "to"),
        "t": _now(),
    }
    if isinstance(answer, RefuseMessage):
        world.record(MessageSent(device, node.text("id"), answer.code))
        connection.send(Node("ack", {**ack, "error": str(answer.code)}))
        return
    world.record(MessageSent(device, node.text("id"), None))
    ack |= _deliver(world, device, node)
    if isinstance(answer, Silence):
        return
    if world.withheld_acks is None:
        connection.send(Node("ack", ack))
    else:
        world.withheld_acks.append((connection, Node("ack", ack)))


def _deliver(world: World, device: Device, node: Node) -> dict[str, str]:
    """Hand a message over; return what its acknowledgement says beside."""
    to = _address(node, "to")
    if to.server == NEWSLETTERS:
        newsletter, plaintext = world.directory.newsletter(to), node.child("plaintext")
        if newsletter is None or plaintext is None:
            return {}
        return {"server_id": str(newsletter.publish(node.text("id"), device, plaintext.data))}
    for copies in _addressed(world, node, to):
        copies.hand_over(world, device, node)
    return {}


@dataclass
class _Copies:
    """The copies of one message for one device of one person."""

    person: Person
    index: int
    encs: list[Node]

    def hand_over(self, world: World, sender: Device, node: Node) -> None:
        """Have the person decrypt them, or pass them on to the person's client."""
        if self.index in self.person.own_devices:
            for enc in self.encs:
                _hear(world, sender, node, self, enc)
            return
        for client in self.person.devices:
            if client.index == self.index and client is not sender:
                client.mailbox.post(_relayed(sender, client, node, self.encs))


def _addressed(world: World, node: Node, to: Jid) -> Iterable[_Copies]:
    """Sort the copies in a message by whom they are for; of one device they stay in order."""
    found: dict[tuple[Person, int], _Copies] = {}
    for jid, enc in _parts(world, node, to):
        person = world.directory.person(jid)
        if person is not None:
            index = jid.device or 0
            found.setdefault((person, index), _Copies(person, index, [])).encs.append(enc)
    return found.values()


def _parts(world: World, node: Node, to: Jid) -> Iterator[tuple[Jid, Node]]:
    """Go through the copies in a message, each with the address of a device."""
    chat = world.directory.chat(to)
    asked_by = node.attrs.get("participant")  # in a group, and again
    for part in node.children:
        if part.tag == "participants":
            for each in part.children:
                enc = each.child("enc")
                if enc is not None:
                    yield _address(each, "jid"), enc
        elif part.tag == "enc" and isinstance(asked_by, Jid):
            yield asked_by, part
        elif part.tag == "enc" and chat is not None:
            for jid in _devices_of(world, chat):
                yield jid, part
        elif part.tag == "enc":
            yield to, part


def _devices_of(world: World, chat: Chat) -> Iterator[Jid]:
    for member in chat.members:
        person = world.directory.person(member.lid)
        own = () if person is None else person.own_devices
        for index in (*own, *(device.index for device in member.devices)):
            yield replace(member.lid, device=index)


def _hear(world: World, sender: Device, node: Node, copies: _Copies, enc: Node) -> None:
    """Have a person decrypt a copy; who cannot asks for it again, with keys for a new session."""
    person, chat = copies.person, world.directory.chat(_address(node, "to"))
    try:
        sealed = Sealed(_kind(enc), enc.data)
        heard = person.hear(Incoming(node.text("id"), sender, sealed, chat, copies.index))
    except Undecryptable as error:
        world.record(NotDecrypted(sender, node.text("id"), str(error)))
        asked = _count(enc, 0) + 1
        if asked <= _MOST_RETRIES and not (isinstance(person, Contact) and not person.asks_again):
            sender.mailbox.post(_retry(node, copies, asked))
        return
    if heard is not None and isinstance(person, Contact) and person.confirms:
        person.receipt(heard)


def _kind(enc: Node) -> Kind:
    try:
        return Kind(enc.text("type"))
    except ValueError:
        raise Undecryptable(f"an <enc> of the unknown type {enc.text('type')}") from None


def _retry(node: Node, copies: _Copies, count: int) -> Node:
    """Return the receipt with which a person asks for a message again."""
    lid = copies.person.lid
    who, to = replace(lid, device=copies.index or None), _address(node, "to")
    ident, at = node.text("id"), _now()
    attrs: dict[str, Value] = {"type": "retry", "id": ident, "from": who}
    if to.server == GROUPS:
        attrs |= {"from": to, "participant": who}
    elif isinstance(copies.person, Writer) and copies.person.devices:
        attrs["recipient"] = to
    retry = Node("retry", {"count": str(count), "id": ident, "t": at, "v": "1"})
    bundle = copies.person.keyring(copies.index).prekeys.bundle()
    return Node("receipt", attrs, (retry, *retry_nodes(bundle)))


def _relayed(sender: Device, client: Device, node: Node, encs: list[Node]) -> Node:
    """Return a client's message as another client gets it."""
    account, to = sender.phone, _address(node, "to")
    attrs: dict[str, Value] = {"id": node.text("id"), "type": node.text("type"), "notify": "Phone"}
    if node.text("edit"):
        attrs["edit"] = node.text("edit")
    if to.server == GROUPS:
        attrs |= Addressing.LID.in_chat(to, account, sender.index)
    elif client.phone is account:
        attrs |= {"from": sender.lid, "recipient": to}
    else:
        attrs |= Addressing.LID.direct(account, sender.index)
    identity = [each for each in node.children if each.tag == "device-identity"]
    return Node("message", attrs, (*encs, *identity))


def _receipt(world: World, connection: Connection, device: Device, node: Node) -> None:
    """A client has a message, or could not decrypt it, or has read it."""
    ident, kind = node.text("id"), node.text("type")
    ack = {name: node.attrs[name] for name in ("participant", "recipient") if name in node.attrs}
    ack |= {"class": "receipt", "id": ident, "from": _address(node, "to")}
    if kind:
        ack["type"] = kind
    connection.send(Node("ack", {**ack, "t": _now()}))
    author = _author(world, node)
    if kind == "retry":
        _send_again(world, device, node, author)
        return
    device.mailbox.acknowledge(key_of("message", ident, ""))
    if device.mailbox.lose_receipts:
        return
    world.record(Acknowledged(device, "message", ident, None))
    listed = node.child("list")
    more = () if listed is None else (item.text("id") for item in listed.children)
    if author is not None:
        author.receipts.append(ReceiptHeard((ident, *more), device, kind))
        if device not in author.devices:
            _pass_on(author, device, node)


def _author(world: World, receipt: Node) -> Person | None:
    """Return whoever wrote the message which a receipt is about."""
    author = receipt.address("participant") or receipt.address("to")
    return None if author is None else world.directory.person(author)


def _send_again(world: World, device: Device, receipt: Node, author: Person | None) -> None:
    """Encrypt a message anew for a client that could not decrypt it.

    The client acknowledges the message, too, before or after: it is found in either case.
    """
    retry = receipt.child("retry")
    ident = receipt.text("id")
    count = _count(retry) if retry else 1
    world.record(RetryRequested(device, ident, count))
    uploaded = read_retry(receipt)
    if uploaded is not None and device.prekeys is not None:
        device.prekeys.replace(uploaded[0])
        device.prekeys.add(uploaded[1], first=True)  # an older copy of its database lacks others
    delivery = device.mailbox.find(key_of("message", ident, ""))
    if delivery is not None and delivery.renew is not None:
        device.mailbox.again(delivery, delivery.renew(count))
    elif author is not None:
        _pass_on(author, device, receipt)


def _pass_on(author: Person, device: Device, receipt: Node) -> None:
    """Pass a client's receipt on to the clients of whoever wrote the message."""
    names = ("id", "type", "recipient")
    kept = {name: receipt.attrs[name] for name in names if name in receipt.attrs}
    to = receipt.attrs.get("to")
    if isinstance(to, Jid) and to.server == GROUPS:
        kept |= {"from": to, "participant": device.lid}
    else:
        kept |= {"from": device.lid}
    index = _device_number(receipt)
    for client in author.devices:
        if client is not device and index in {None, client.index}:
            client.mailbox.post(Node("receipt", kept, receipt.content))


def _device_number(receipt: Node) -> int | None:
    author = receipt.address("participant") or receipt.address("to")
    return None if author is None else author.device


def _ack(world: World, _connection: Connection, device: Device, node: Node) -> None:
    """A client has taken a stanza, or refused it with an error."""
    tag, ident = node.text("class"), node.text("id")
    if device.mailbox.lose_receipts:
        return
    device.mailbox.acknowledge(key_of(tag, ident, node.text("type")), opened=False)
    world.record(Acknowledged(device, tag, ident, node.text("error") or None))


def _chat_state(world: World, _connection: Connection, _device: Device, node: Node) -> None:
    """Note what a client shows a person that it does; nothing answers it."""
    person = world.directory.person(_address(node, "to"))
    if person is not None:
        person.chat_states += [state.tag for state in node.children]


def _address(node: Node, name: str) -> Jid:
    """Return an attribute which must be an address. Raises `Malformed`."""
    value = node.address(name)
    if value is None:
        raise Malformed(f"{node!r} has no address in {name}")
    return value


def _count(node: Node, default: int = 1) -> int:
    """Return how often something was asked for."""
    text = node.text("count")
    return int(text) if text.isdecimal() else default


def _now() -> str:
    return str(int(time.time()))


_STANZAS: Mapping[str, _Handler] = {
    "message": _message,
    "receipt": _receipt,
    "ack": _ack,
    "chatstate": _chat_state,
}
