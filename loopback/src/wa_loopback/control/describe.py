"""What the server knows, as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..connection import Connection
from ..device import Device
from ..nodes import Jid
from ..observations import Observation
from ..person import Heard
from ..server import LoopbackServer


def endpoint(server: LoopbackServer, control: str) -> dict[str, Any]:
    """Where clients must be sent, and where the control API is."""
    where = server.endpoint
    return {
        "proxy": where.proxy,
        "ws": where.ws,
        "ca_file": str(where.ca_file),
        "noise_root": where.noise_root,
        "control": control,
    }


def device(found: Device) -> dict[str, Any]:
    """A device: its phone's number and which of the phone's devices it is."""
    return {
        "number": found.phone.number,
        "device": found.index,
        "jid": str(found.jid),
        "lid": str(found.lid),
        "linked": not found.revoked,
    }


def connection(found: Connection) -> dict[str, Any]:
    """An open connection."""
    return {
        "kind": found.kind.value,
        "ready": found.ready,
        "frozen": found.frozen,
        "resumed": found.client.resumed,
        "device": None if found.device is None else device(found.device),
    }


def heard(found: Heard) -> dict[str, Any]:
    """A message that a contact heard."""
    return {
        "id": found.id,
        "kind": found.content.kind.value,
        "text": found.text,
        "from": device(found.sender),
        "group": None if found.chat is None else str(found.chat.jid),
    }


def state(server: LoopbackServer) -> dict[str, Any]:
    """Return the phones with their devices, and the open connections."""
    return {
        "phones": [
            {"number": phone.number, "devices": [device(each) for each in phone.ever_linked]}
            for phone in server.phones.values()
        ],
        "connections": [connection(each) for each in server.connections],
        "dials": server.dials,
        "logins": server.logins,
        "events": len(server.log),
    }


def observation(position: int, seen: Observation) -> dict[str, Any]:
    """Return something the server saw; `event` counts from 1."""
    told = {each.name: _plain(getattr(seen, each.name)) for each in dataclasses.fields(seen)}
    return {"event": position, "what": type(seen).__name__, **told}


def _plain(value: object) -> object:
    if isinstance(value, Device):
        return {"number": value.phone.number, "device": value.index}
    if isinstance(value, Jid):
        return str(value)
    if dataclasses.is_dataclass(value):
        return {"answer": type(value).__name__} | {
            each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)
        }
    return value if isinstance(value, str | int | float | bool | None) else str(value)
