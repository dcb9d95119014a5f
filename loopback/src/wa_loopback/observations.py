"""What the server saw, one frozen record each; tests assert on them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answers import LoginAnswer
    from .device import Device


class Kind(StrEnum):
    """What a client came for."""

    REGISTRATION = "registration"
    LOGIN = "login"


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Anything the server saw; `at` is monotonic, in seconds."""

    at: float = field(default_factory=time.monotonic, compare=False)


@dataclass(frozen=True)
class Dialled(Observation):
    """A client asked the proxy for a target; None when the server had been told not to answer."""

    target: str
    status: int | None


@dataclass(frozen=True)
class Introduced(Observation):
    """A client finished the Noise handshake and said what it came for."""

    kind: Kind
    device: Device | None


@dataclass(frozen=True)
class Paired(Observation):
    """A client signed its device identity: it is linked."""

    device: Device


@dataclass(frozen=True)
class PairingFailed(Observation):
    """A client answered the pair success with an error."""

    code: str
    text: str


@dataclass(frozen=True)
class LoginAnswered(Observation):
    """The server answered a login; the device is None when it never was paired here."""

    device: Device | None
    answer: LoginAnswer


@dataclass(frozen=True)
class Ready(Observation):
    """A client went active: neonize reports Connected about now."""

    device: Device


@dataclass(frozen=True)
class Overlap(Observation):
    """A device logged in while an older connection of it was still open."""

    device: Device


@dataclass(frozen=True)
class KeptAlive(Observation):
    """A client asked whether the connection is alive."""

    device: Device | None
    answered: bool


@dataclass(frozen=True)
class Unlinked(Observation):
    """A device lost its pairing, by its own logout or from the phone."""

    device: Device
    by_phone: bool


@dataclass(frozen=True)
class CodeRequested(Observation):
    """A client asked for a pair code."""

    granted: bool


@dataclass(frozen=True)
class MessageSent(Observation):
    """A client sent a message; `refused` is the error it was answered with."""

    device: Device
    id: str
    refused: int | None


@dataclass(frozen=True)
class Acknowledged(Observation):
    """A client has taken a stanza, a `message` or a `receipt`; or refused it with an error."""

    device: Device
    tag: str
    id: str
    error: str | None


@dataclass(frozen=True)
class RetryRequested(Observation):
    """A client could not decrypt a message and asked for it again, the nth time."""

    device: Device
    id: str
    count: int


@dataclass(frozen=True)
class NotDecrypted(Observation):
    """Somebody could not decrypt a client's message, and asked for it again unless told not to."""

    device: Device
    id: str
    reason: str


@dataclass(frozen=True)
class MediaRequested(Observation):
    """A client downloaded a file, or uploaded one."""

    method: str
    status: int


@dataclass(frozen=True)
class UnknownRequest(Observation):
    """A client asked for something this server does not do; it was told so."""

    xmlns: str
    type: str
    tag: str


@dataclass(frozen=True)
class Closed(Observation):
    """An introduced connection ended; `by_client` tells which side ended it first."""

    kind: Kind
    device: Device | None
    by_client: bool


@dataclass(frozen=True)
class Lost(Observation):
    """A client ended, or was sent away, before it said what it came for."""

    reason: str


@dataclass(frozen=True)
class Violation(Observation):
    """A client broke the protocol and was dropped."""

    reason: str
