"""What clients request, and what they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from . import lookups, media, routine
from .connection import Connection
from .device import Device
from .nodes import Node
from .observations import CodeRequested, Ready, UnknownRequest
from .paircode import REGISTRATION, CodePairing
from .prekey_nodes import digest_node, read_signed, read_upload
from .signal import PublishedPreKeys
from .world import World

KEEPALIVE = ("w:p", "get")
"""Namespace and type of the request with which a client asks whether the connection is alive."""

_SETTLING_SECONDS = 0.02
"""Between the last answer of a login and what waited for the device.

whatsmeow reports Connected when it has that answer; what comes at the same moment may overtake it.
"""

_PREKEYS_LEFT = "1"
"""What a client is told that has uploaded none.

At 0 whatsmeow and Baileys would make 812, each of them an fsync; at more than 5 Baileys makes none.
"""


@dataclass(frozen=True)
class Refusal:
    """An error with which a request is answered."""

    code: str
    text: str


_NOT_FOUND = Refusal("404", "item-not-found")
_NOT_ACCEPTABLE = Refusal("406", "not-acceptable")
_RATE_LIMITED = Refusal("429", "rate-overlimit")
_NOT_IMPLEMENTED = Refusal("501", "feature-not-implemented")

Answer: TypeAlias = tuple[Node, ...] | Refusal
_Handler: TypeAlias = Callable[[World, Connection, Node], Answer]


def answer(world: World, connection: Connection, request: Node) -> Answer:
    """Return what a request is answered. Raises `Malformed`."""
    place = request.text("xmlns"), request.text("type")
    handler = _REQUESTS.get(place)
    if handler is not None:
        return handler(world, connection, request)
    usual = routine.answer(request)
    return _unknown(world, connection, request) if usual is None else usual


def _empty(_world: World, _connection: Connection, _request: Node) -> Answer:
    return ()


def _prekeys(world: World, connection: Connection, request: Node) -> Answer:
    """Hand out others' prekeys, or tell how many of the client's own are left."""
    asked = request.child("key")
    if asked is not None:
        return lookups.prekey_bundles(world, asked)
    published = connection.device.prekeys if connection.device else None
    if request.child("digest") is not None:
        return _NOT_FOUND if published is None else (digest_node(published),)
    left = _PREKEYS_LEFT if published is None else str(len(published))
    return (Node("count", {"value": left}),)


def _upload_prekeys(world: World, connection: Connection, request: Node) -> Answer:
    device = connection.device
    if device is None:
        return ()
    rotated = request.child("rotate")
    if rotated is not None and device.prekeys is not None:
        device.prekeys.rotate(*read_signed(rotated))
    if request.child("skey") is None:
        return ()
    bundle, one_time = read_upload(request)
    if not bundle.authentic:
        return _NOT_ACCEPTABLE
    if device.prekeys is None:
        device.prekeys = PublishedPreKeys(bundle)
    else:
        device.prekeys.replace(bundle)
    device.prekeys.add(one_time)
    world.changes.wake()
    return ()


def _users(world: World, _connection: Connection, request: Node) -> Answer:
    return lookups.users(world, request)


def _groups(world: World, connection: Connection, request: Node) -> Answer:
    if connection.device is None:
        return _NOT_FOUND
    found = lookups.groups(world, connection.device, request)
    return _NOT_FOUND if found is None else found


def _privacy(_world: World, _connection: Connection, _request: Node) -> Answer:
    """Everybody may see everything; a client asks before it marks messages as read."""
    return (Node("privacy", {}, tuple(Node("category", each) for each in _PRIVACY)),)


def _blocklist(_world: World, _connection: Connection, _request: Node) -> Answer:
    return (Node("list", {"dhash": "0"}),)


def _set_passive(world: World, connection: Connection, request: Node) -> Answer:
    """Going active is the last thing a client does before it reports Connected."""
    device = connection.device
    if request.child("active") and device is not None:
        become_ready(world, connection, device)
    return ()


def become_ready(world: World, connection: Connection, device: Device) -> None:
    """Hand a client what waited for it, from now on; once a login."""
    if not connection.ready:
        connection.ready = True
        world.record(Ready(device))
        device.mailbox.attach(connection, after=_SETTLING_SECONDS)


def _companions(world: World, connection: Connection, request: Node) -> Answer:
    """Namespace `md`: the client's logout, and the two steps of linking with a pair code."""
    device = connection.device
    if request.child("remove-companion-device") and device is not None:
        device.phone.revoke(device, by_phone=False)
        return ()
    registration = request.child(REGISTRATION)
    pairing = connection.code_pairing
    if registration is None:
        return _unknown(world, connection, request)
    if registration.text("stage") == "companion_hello":
        world.record(CodeRequested(granted=not world.rate_limit_pair_codes))
        if world.rate_limit_pair_codes:
            return _RATE_LIMITED
        connection.code_pairing = CodePairing.from_hello(registration)
        return (connection.code_pairing.reference(),)
    if registration.text("stage") == "companion_finish" and pairing is not None:
        if pairing.finish is not None and not pairing.finish.done():
            pairing.finish.set_result(registration)
        return ()
    return _unknown(world, connection, request)


def _unknown(world: World, _connection: Connection, request: Node) -> Answer:
    tag = request.children[0].tag if request.children else ""
    world.record(UnknownRequest(request.text("xmlns"), request.text("type"), tag))
    return _NOT_IMPLEMENTED


def _media_servers(_world: World, _connection: Connection, _request: Node) -> Answer:
    """Say where files are, and for how many seconds that holds."""
    attrs = {"auth": "loopback", "ttl": "3600", "auth_ttl": "3600", "max_buckets": "12"}
    return (Node("media_conn", attrs, (Node("host", {"hostname": media.HOST}),)),)


_PRIVACY = tuple({"name": name, "value": "all"} for name in ("readreceipts", "last", "online"))
_REQUESTS: Mapping[tuple[str, str], _Handler] = {
    KEEPALIVE: _empty,
    ("encrypt", "get"): _prekeys,
    ("encrypt", "set"): _upload_prekeys,
    ("passive", "set"): _set_passive,
    ("md", "set"): _companions,
    ("blocklist", "get"): _blocklist,
    ("usync", "get"): _users,
    ("w:g2", "get"): _groups,
    ("privacy", "get"): _privacy,
    ("w:m", "set"): _media_servers,
}
