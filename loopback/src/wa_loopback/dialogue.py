"""A connection from its first word to its end: registration or login, and what comes after."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping

from . import exchange, requests
from .answers import REPLACED, Failure, Refs, Silence, Success
from .connection import Connection
from .device import Device
from .nodes import SERVER, Attrs, Node
from .observations import (
    Closed,
    Introduced,
    KeptAlive,
    Kind,
    LoginAnswered,
    Overlap,
)
from .world import Step, World

_UNKNOWN_DEVICE = Failure(401)


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
    if not connection.client.payload.passive:
        requests.become_ready(world, connection, device)


def _hear(world: World, connection: Connection, node: Node) -> None:
    """Answer a request, and take what a client sends to others; the rest needs no answer."""
    if node.tag != "iq":
        exchange.take(world, connection, node)
        return
    answered = world.answer_iqs or connection.kind is Kind.REGISTRATION
    if (node.text("xmlns"), node.text("type")) == requests.KEEPALIVE:
        world.record(KeptAlive(connection.device, answered))
    if not answered:
        return
    answer = requests.answer(world, connection, node)
    attrs: Attrs = {"from": SERVER, "id": node.text("id"), "t": str(int(time.time()))}
    if isinstance(answer, requests.Refusal):
        error = Node("error", {"code": answer.code, "text": answer.text})
        connection.send(Node("iq", {**attrs, "type": "error"}, (error,)))
    else:
        connection.send(Node("iq", {**attrs, "type": "result"}, answer or None))


_OPENINGS: Mapping[Kind, Callable[[World, Connection], None]] = {
    Kind.REGISTRATION: _register,
    Kind.LOGIN: _log_in,
}
