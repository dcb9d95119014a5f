"""Scripted answers: what the next logins, registrations and messages are told."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from .nodes import Node


@dataclass(frozen=True)
class Success:
    """Answer a login as it deserves: a known device gets in, any other gets a failure 401."""


@dataclass(frozen=True)
class Silence:
    """Never answer, and keep the socket open."""


@dataclass(frozen=True)
class Failure:
    """`<failure reason=...>`; what clients make of a reason is in whatsmeow's `types/events`.

    A 402 (temporary ban) wants a `code`, 101 to 106, and `expire`, in seconds.
    """

    reason: int
    code: int | None = None
    expire: int | None = None
    message: str | None = None
    close: bool = True

    def node(self) -> Node:
        """Return it as it is sent."""
        optional = {"code": self.code, "expire": self.expire, "message": self.message}
        attrs = {name: str(value) for name, value in optional.items() if value is not None}
        return Node("failure", {"reason": str(self.reason), **attrs})


@dataclass(frozen=True)
class StreamError:
    """`<stream:error>` with a code, a conflict, or both.

    Only code 401 together with the conflict `device_removed` is a logout to whatsmeow
    (`connectionevents.go`); either alone makes it reconnect.
    """

    code: str | None = None
    conflict: str | None = None
    close: bool = True

    def node(self) -> Node:
        """Return it as it is sent."""
        content = (Node("conflict", {"type": self.conflict}),) if self.conflict else None
        return Node("stream:error", {"code": self.code} if self.code else {}, content)


DEVICE_REMOVED = StreamError("401", "device_removed")
REPLACED = StreamError(conflict="replaced")
RESTART = StreamError("515", close=False)  # the client closes and comes back with a login


@dataclass(frozen=True)
class Refs:
    """Offer this many QR codes; whatsmeow shows the first of six for 60 s, any other for 20 s."""

    count: int


@dataclass(frozen=True)
class Accept:
    """Hand a client's message over and acknowledge it."""


@dataclass(frozen=True)
class RefuseMessage:
    """Acknowledge a client's message with an error, and hand it to nobody.

    Known codes: 463 the account may not write to strangers for a while, 429 and 479 too many
    messages, 500 an error of the server's. neonize raises `SendMessageError` with the code.
    """

    code: int


LoginAnswer: TypeAlias = Success | Silence | Failure | StreamError
RegistrationAnswer: TypeAlias = Refs | Silence | Failure | StreamError
MessageAnswer: TypeAlias = Accept | RefuseMessage | Silence
"""Silence hands the message over and never acknowledges it."""

_A = TypeVar("_A")


@dataclass
class Script(Generic[_A]):
    """Answers in the order they were written; when they run out, the usual one."""

    usual: _A
    _written: deque[tuple[_A, int | None]] = field(default_factory=deque)

    def write(self, answer: _A, times: int | None = 1) -> None:
        """Append an answer for that many askers; None means for all from then on.

        Raises `ValueError` for less than one.
        """
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        self._written.append((answer, times))

    def clear(self) -> None:
        """Forget what was written."""
        self._written.clear()

    def next(self) -> _A:
        """Return the answer for the next asker."""
        if not self._written:
            return self.usual
        answer, times = self._written.popleft()
        if times != 1:
            self._written.appendleft((answer, None if times is None else times - 1))
        return answer
