"""What the server says: to a client which registers, to one which logs in, and to requests."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .answers import REPLACED, Failure, Refs, Silence, Success
from .connection import Connection
from .device import Device
from .nodes import SERVER, Attrs, Node
from .observations import (
    Closed,
    CodeRequested,
    Introduced,
    KeptAlive,
    Kind,
    LoginAnswered,
    Overlap,
    Ready,
    UnknownRequest,
)
from .paircode import REGISTRATION, CodePairing
from .world import Step, World

_PREKEYS_LEFT = "812"  # at 0 the client would upload 812 new ones, each of them an fsync
_UNKNOWN_DEVICE = Failure(401)


@dataclass(frozen=True)
class _Refusal:
    """An error with which a request is answered."""

    code: str
    text: str


_RATE_LIMITED = _Refusal("429", "rate-overlimit")
_NOT_IMPLEMENTED = _Refusal("501", "feature-not-implemented")

_Answer: TypeAlias = tuple[Node, ...] | _Refusal
_Handler: TypeAlias = Callable[[World, Connection, Node], _Answer]


async def converse(world: World, connection: Connection) -> None:
    """Talk to a client until it is gone; raises `Malformed`."""
    payload = connection.client.payload
    if payload.username is not None:
        connection.device = world.device(
            str(payload.username), payload.device, connection.client.client_static
        )
    world.introduced.append(connection)
    world.arrivals.append(connection)
    world.record(Introduced(connection.kind, connection.device))
    try:
        await asyncio.sleep(world.latency)
        _OPENINGS[connection.kind](world, connection)
        while (node := await connection.receive()) is not None:
            await asyncio.sleep(world.latency)
            _hear(world, connection, node)
    finally:
        connection.finish()
        world.introduced.remove(connection)
        world.refs.update(dict.fromkeys(connection.refs))
        by_client = not connection.ended_here
        world.record(Closed(connection.kind, connection.device, by_client))


def _register(world: World, connection: Connection) -> None:
    """Offer QR references, or what the script says."""
    if world.stalled is Step.PAIRING:
        return
    answer = world.registration_script.next()
    if isinstance(answer, Refs):
        connection.refs = tuple(secrets.token_urlsafe(32).encode() for _ in range(answer.count))
        world.refs.update(dict.fromkeys(connection.refs, connection))
        references = tuple(Node("ref", {}, ref) for ref in connection.refs)
        attrs: Attrs = {"from": SERVER, "type": "set", "id": secrets.token_hex(4), "xmlns": "md"}
        connection.send(Node("iq", attrs, (Node("pair-device", {}, references),)))
    elif not isinstance(answer, Silence):
        connection.end(answer)


def _log_in(world: World, connection: Connection) -> None:
    """Let a linked device in, or answer what the script says."""
    if world.stalled is Step.LOGIN:
        return
    answer = world.login_script.next()
    device = connection.device
    if isinstance(answer, Success):
        if device is not None and not device.revoked:
            world.record(LoginAnswered(device, answer))
            _welcome(world, connection, device)
            return
        answer = _UNKNOWN_DEVICE
    world.record(LoginAnswered(device, answer))
    if not isinstance(answer, Silence):
        connection.end(answer)


def _welcome(world: World, connection: Connection, device: Device) -> None:
    for older in world.connections_of(device):
        if older is connection or older.frozen:
            continue
        world.record(Overlap(device))
        if world.replace_older:
            older.end(REPLACED)
    connection.send(Node("success", {"t": str(int(time.time())), "lid": device.lid}))


def _hear(world: World, connection: Connection, node: Node) -> None:
    """Answer a request. Everything else a client says (receipts, presence, ...) needs no answer."""
    if node.tag != "iq":
        return
    answered = world.answer_iqs or connection.kind is Kind.REGISTRATION
    place = (node.text("xmlns"), node.text("type"))
    if place == _KEEPALIVE:
        world.record(KeptAlive(connection.device, answered))
    if not answered:
        return
    answer = _REQUESTS.get(place, _unknown)(world, connection, node)
    attrs: Attrs = {"from": SERVER, "id": node.text("id"), "t": str(int(time.time()))}
    if isinstance(answer, _Refusal):
        error = Node("error", {"code": answer.code, "text": answer.text})
        connection.send(Node("iq", {**attrs, "type": "error"}, (error,)))
    else:
        connection.send(Node("iq", {**attrs, "type": "result"}, answer or None))


def _empty(_world: World, _connection: Connection, _request: Node) -> _Answer:
    return ()


def _count_prekeys(_world: World, _connection: Connection, _request: Node) -> _Answer:
    return (Node("count", {"value": _PREKEYS_LEFT}),)


def _blocklist(_world: World, _connection: Connection, _request: Node) -> _Answer:
    return (Node("list", {"dhash": "0"}),)


def _set_passive(world: World, connection: Connection, request: Node) -> _Answer:
    """Going active is the last thing a client does before it reports Connected."""
    device = connection.device
    if request.child("active") and device is not None and not connection.ready:
        connection.ready = True
        world.record(Ready(device))
    return ()


def _companions(world: World, connection: Connection, request: Node) -> _Answer:
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


def _unknown(world: World, _connection: Connection, request: Node) -> _Answer:
    tag = request.children[0].tag if request.children else ""
    world.record(UnknownRequest(request.text("xmlns"), request.text("type"), tag))
    return _NOT_IMPLEMENTED


_KEEPALIVE = ("w:p", "get")
_REQUESTS: Mapping[tuple[str, str], _Handler] = {
    _KEEPALIVE: _empty,
    ("encrypt", "get"): _count_prekeys,
    ("encrypt", "set"): _empty,
    ("passive", "set"): _set_passive,
    ("md", "set"): _companions,
    ("blocklist", "get"): _blocklist,
}
_OPENINGS: Mapping[Kind, Callable[[World, Connection], None]] = {
    Kind.REGISTRATION: _register,
    Kind.LOGIN: _log_in,
}
