"""What is seen of the session process, of the bot in it and of the files under it."""

from __future__ import annotations

from dataclasses import dataclass

from .base import ChildFact


@dataclass(frozen=True, slots=True)
class ChildExited(ChildFact):
    """The session process was reaped. Exactly one for each StartChild.

    `returncode` is None if it was killed by `signal` or could not be learnt; `detail` is the
    redacted tail of what it printed.
    """

    trigger = "child_exited"
    returncode: int | None
    signal: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChildSilent(ChildFact):
    """The session process did not answer its parent, twice in a row: it hangs."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class ClientUnusable(ChildFact):
    """neonize cannot be used as it is installed, and the next process would find it no better.

    It is missing, of a release nobody has tried, or not what it should be inside.
    """

    trigger = "refused"
    detail: str


@dataclass(frozen=True, slots=True)
class BotFailed(ChildFact):
    """The bot, not the client, ended the session process; `detail` is the last it said."""

    trigger = "child_exited"
    detail: str


@dataclass(frozen=True, slots=True)
class BotBusy(ChildFact):
    """A handler of the bot has worked for `seconds` on one event; others wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BotFree(ChildFact):
    """The handler that was busy is done."""


@dataclass(frozen=True, slots=True)
class StorageFailed(ChildFact):
    """The session database could not be opened, read or upgraded, and waiting mends nothing."""

    trigger = "refused"
    detail: str


@dataclass(frozen=True, slots=True)
class StorageUnavailable(ChildFact):
    """The session database could not be reached now: locked by another, or its server is away."""

    trigger = "link_failed"
    detail: str


@dataclass(frozen=True, slots=True)
class ProbeAnswered(ChildFact):
    """WhatsApp answered a request that was made to see whether it does."""

    trigger = "keepalive_restored"


@dataclass(frozen=True, slots=True)
class ProbeFailed(ChildFact):
    """WhatsApp did not answer, or the call never came back; `detail` says which.

    Noted only: missed keepalives have their clock, and a replacement waits for that.
    """

    detail: str
