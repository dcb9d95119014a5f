"""What the core asks of the shell: values, not calls. Each says who answers and how.

The name given to `@effect` is the public one, as `--json` prints it and the journal keeps it: a
class may be renamed, a name may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar, dataclass_transform

from pydantic import SecretStr

from .facts import ChildExited
from .reasons import Reason


@dataclass(frozen=True, slots=True)
class _Effect:
    """Something the shell must do."""

    name: ClassVar[str]
    """The public name."""


_E = TypeVar("_E", bound=_Effect)


@dataclass_transform(frozen_default=True)
def effect(name: str) -> Callable[[type[_E]], type[_E]]:
    """Declare an effect: a frozen dataclass with a public name."""

    def declare(kind: type[_E]) -> type[_E]:
        made = dataclass(frozen=True, slots=True)(kind)
        made.name = name
        return made

    return declare


@effect("StartChild")
class StartChild(_Effect):
    """Start the session process. Answered by its facts and, at its end, one ChildExited.

    If nothing could be started, StartRefused comes in its place.
    """

    generation: int
    leave_out: tuple[str, ...] = ()
    """Events of neonize that the bot must not be subscribed to."""


@effect("StopChild")
class StopChild(_Effect):
    """End the session process, by force if need be. Answered by its ChildExited.

    Asked again, for the same generation, of a process that outlived its stop.

    `log_out` asks the client to unlink itself first, as far as the stop's bound allows.
    `pairing` says that no login is at stake: the process may be killed at once.
    """

    generation: int
    log_out: bool = False
    pairing: bool = False


@effect("Probe")
class Probe(_Effect):
    """Have the child make a round trip to WhatsApp. Answered by ProbeAnswered or ProbeFailed."""

    generation: int


@effect("WatchNetwork")
class WatchNetwork(_Effect):
    """Look, until the wait is over, whether the way to WhatsApp opens; not a dial of the account.

    Answered by NetworkBack at most once, if it was shut first and then opened.
    """


@effect("StopWatchingNetwork")
class StopWatchingNetwork(_Effect):
    """The wait is over: look no more. The watch may have ended by itself."""


@effect("TakeSnapshot")
class TakeSnapshot(_Effect):
    """Copy the session that runs, so that its keys can be put back. Nothing answers.

    With `only_if_none`, an older copy will do: a fresher one is asked for once the connection is
    stable.
    """

    only_if_none: bool


@effect("ReportCrash")
class ReportCrash(_Effect):
    """Keep what is known of a session process that died unasked, for a person. Nothing answers."""

    exited: ChildExited


@effect("PurgeSession")
class PurgeSession(_Effect):
    """Clear the session's files away. Answered by one PurgeDone or PurgeFailed."""

    reason: Reason


@effect("RestoreSession")
class RestoreSession(_Effect):
    """Put the last good snapshot back.

    Answered by one RestoreDone, NothingToRestore or RestoreFailed.
    """


@effect("ShowQr")
class ShowQr(_Effect):
    """Show this QR in place of the one before. `lifetime` in seconds."""

    payload: SecretStr
    lifetime: float


@effect("ShowPairCode")
class ShowPairCode(_Effect):
    """Show this pair code. `lifetime` in seconds."""

    code: SecretStr
    lifetime: float


@effect("HidePairing")
class HidePairing(_Effect):
    """Take the QR and the pair code away: they are dead or used."""


@effect("Notify")
class Notify(_Effect):
    """Notify a person: the reason says what happened, who must act and how."""

    reason: Reason


Effect: TypeAlias = (
    StartChild
    | StopChild
    | Probe
    | WatchNetwork
    | StopWatchingNetwork
    | TakeSnapshot
    | ReportCrash
    | PurgeSession
    | RestoreSession
    | ShowQr
    | ShowPairCode
    | HidePairing
    | Notify
)
"""Every effect there is."""
