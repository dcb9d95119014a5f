"""What the supervisor and its fork server say to each other: one JSON object a packet.

A request carries two descriptors, or three: the line of the new session process, the pipe that
shall be its fd 1 and 2, and its share of the session's lock. `forked` carries one: the process's
pidfd.
"""

from __future__ import annotations

import socket
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MAX_PACKET: Final = 8192
_MAX_FDS: Final = 3
_CLOEXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class _Packet(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ready(_Packet):
    """neonize is imported; the first fork will be quick."""

    kind: Literal["ready"] = "ready"


class Unusable(_Packet):
    """neonize cannot be used, and the fork server ends; `advice` says why and what helps."""

    kind: Literal["unusable"] = "unusable"
    advice: str


class Fork(_Packet):
    """Fork a session process."""

    kind: Literal["fork"] = "fork"
    request: int


class Forked(_Packet):
    """The process runs."""

    kind: Literal["forked"] = "forked"
    request: int
    pid: int


class Refused(_Packet):
    """The kernel would not fork."""

    kind: Literal["refused"] = "refused"
    request: int
    error: str


class Exited(_Packet):
    """The process was reaped; `status` is as `os.waitpid` gave it."""

    kind: Literal["exited"] = "exited"
    pid: int
    status: int


class Lease(_Packet):
    """What was forked may live until then, in seconds of CLOCK_BOOTTIME, unless another follows."""

    kind: Literal["lease"] = "lease"
    until: float


class LeaseEnded(_Packet):
    """None followed in time: so many were killed, and nothing is forked until one follows."""

    kind: Literal["lease_ended"] = "lease_ended"
    killed: int


Packet: TypeAlias = Ready | Unusable | Fork | Forked | Refused | Exited | Lease | LeaseEnded

_PACKET: Final[TypeAdapter[Packet]] = TypeAdapter(Annotated[Packet, Field(discriminator="kind")])


def send(sock: socket.socket, packet: Packet, *fds: int) -> None:
    """Send a packet with descriptors; the sender may close its own at once."""
    socket.send_fds(sock, [packet.model_dump_json().encode()], fds)


def receive(sock: socket.socket) -> tuple[Packet, list[int]] | None:
    """Return a packet and the descriptors that came with it, None at the end of the line."""
    data, fds, _, _ = socket.recv_fds(sock, MAX_PACKET, _MAX_FDS, flags=_CLOEXEC)
    return (_PACKET.validate_json(data), fds) if data else None
