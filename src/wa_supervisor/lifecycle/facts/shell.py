"""What the shell answers to effects, and what the operator says."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Fact


@dataclass(frozen=True, slots=True)
class PurgeDone(Fact):
    """The session's files are gone, and that was verified."""

    trigger = "purge_done"


@dataclass(frozen=True, slots=True)
class PurgeFailed(Fact):
    """The session's files could not be cleared away; `detail` says why."""

    trigger = "purge_failed"
    detail: str


@dataclass(frozen=True, slots=True)
class RestoreDone(Fact):
    """The last good snapshot was put back."""

    trigger = "restore_done"


@dataclass(frozen=True, slots=True)
class NothingToRestore(Fact):
    """There is no snapshot that could be put back."""

    trigger = "nothing_restored"


@dataclass(frozen=True, slots=True)
class RestoreFailed(Fact):
    """There is a snapshot, but the files could not be put back; `detail` says why."""

    trigger = "restore_failed"
    detail: str


@dataclass(frozen=True, slots=True)
class NetworkBack(Fact):
    """The way to WhatsApp was shut during this wait, and is open again."""

    trigger = "network_back"


@dataclass(frozen=True, slots=True)
class Start(Fact):
    """The supervisor begins to run."""

    trigger = "start"


@dataclass(frozen=True, slots=True)
class Stop(Fact):
    """Stop for good, keeping the session."""

    trigger = "stop"


@dataclass(frozen=True, slots=True)
class Resume(Fact):
    """Try again now, with a fresh budget of retries."""

    trigger = "resume"


@dataclass(frozen=True, slots=True)
class Relink(Fact):
    """Log out, clear the session away and pair afresh."""

    trigger = "relink"
