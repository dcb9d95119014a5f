"""What the core asks of the shell: values, not calls. Each says who answers and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

    from .reasons import Reason


@dataclass(frozen=True, slots=True)
class Effect:
    """Something the shell must do."""

    @property
    def name(self) -> str:
        """The effect's public name, as `--json` prints it."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class StartChild(Effect):
    """Start the session process. Answered by its facts and, at its end, one ChildExited."""

    generation: int


@dataclass(frozen=True, slots=True)
class StopChild(Effect):
    """End the session process, by force if need be. Answered by its ChildExited.

    Asked again, for the same generation, of a process that outlived its stop.

    `log_out` asks the client to unlink itself first, as far as the stop's bound allows.
    `pairing` says that no login is at stake: the process may be killed at once.
    """

    generation: int
    log_out: bool = False
    pairing: bool = False


@dataclass(frozen=True, slots=True)
class Probe(Effect):
    """Have the child make a round trip to WhatsApp. Answered by ProbeAnswered or ProbeFailed."""

    generation: int


@dataclass(frozen=True, slots=True)
class WatchNetwork(Effect):
    """Look, until the wait is over, whether the way to WhatsApp opens; not a dial of the account.

    Answered by NetworkBack at most once, if it was shut first and then opened.
    """


@dataclass(frozen=True, slots=True)
class PurgeSession(Effect):
    """Clear the session's files away. Answered by one PurgeDone or PurgeFailed."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class RestoreSession(Effect):
    """Put the last good snapshot back.

    Answered by one RestoreDone, NothingToRestore or RestoreFailed.
    """


@dataclass(frozen=True, slots=True)
class ShowQr(Effect):
    """Show this QR in place of the one before. `lifetime` in seconds."""

    payload: SecretStr
    lifetime: float


@dataclass(frozen=True, slots=True)
class ShowPairCode(Effect):
    """Show this pair code. `lifetime` in seconds."""

    code: SecretStr
    lifetime: float


@dataclass(frozen=True, slots=True)
class HidePairing(Effect):
    """Take the QR and the pair code away: they are dead or used."""


@dataclass(frozen=True, slots=True)
class Tell(Effect):
    """Tell a person: the reason says what happened, who must act and how."""

    reason: Reason
