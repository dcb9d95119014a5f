"""What the clocks say."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Fact


@dataclass(frozen=True, slots=True)
class Alarm(Fact):
    """A clock rang. Made by `SessionCore.tick`; one whose clock is not due is ignored."""


@dataclass(frozen=True, slots=True)
class StartTimedOut(Alarm):
    """The client came to nothing within its start time."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class PairingWindowClosed(Alarm):
    """The pairing window is over by our own clock; neonize's word is not waited for."""

    trigger = "pairing_window_closed"


@dataclass(frozen=True, slots=True)
class LinkTimedOut(Alarm):
    """Paired, but the first login did not complete in time."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class StayedUp(Alarm):
    """Connected for long enough to call it stable."""

    trigger = "stayed_up"


@dataclass(frozen=True, slots=True)
class ReconnectTimedOut(Alarm):
    """The library redialled for too long."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class KeepAliveGone(Alarm):
    """Keepalives stayed unanswered for too long."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class BackoffElapsed(Alarm):
    """The wait is over."""

    trigger = "backoff_elapsed"


@dataclass(frozen=True, slots=True)
class StopTimedOut(Alarm):
    """The session process outlived its stop ladder."""

    trigger = "child_stuck"


@dataclass(frozen=True, slots=True)
class FilesTimedOut(Alarm):
    """A purge or a restore did not answer in time."""

    trigger = "files_timed_out"
