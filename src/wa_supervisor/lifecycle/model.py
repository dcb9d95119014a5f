"""What is known about one WhatsApp session: plain data, nothing that acts."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass, field

from .policy import Budget
from .reasons import Reason


class Phase(enum.Enum):
    """Where the session is. `Connected` has three shades; the rest are one state each."""

    INIT = "Init"
    PAIRING = "Pairing"
    ONLINE = "Connected.online"
    DEGRADED = "Connected.degraded"
    RECONNECTING = "Connected.reconnecting"
    LOGGED_OUT = "LoggedOut"
    PURGING = "Purging"
    BACKOFF = "Backoff"
    GAVE_UP = "GaveUp"
    STOPPED = "Stopped"

    @property
    def state(self) -> str:
        """The public state: one of the seven, or Stopped."""
        return self.value.partition(".")[0]

    @property
    def shade(self) -> str | None:
        """`online`, `degraded` or `reconnecting` while Connected, else None."""
        return self.value.partition(".")[2] or None


CONNECTED = frozenset({Phase.ONLINE, Phase.DEGRADED, Phase.RECONNECTING})
ACTIVE = CONNECTED | {Phase.INIT, Phase.PAIRING}
"""The phases in which a client is wanted."""


class Child(enum.Enum):
    """The session process, as far as it is known here."""

    NONE = "none"  # reaped, or never started: only now may a file be touched
    RUNNING = "running"
    STOPPING = "stopping"


class Sequel(enum.Enum):
    """What is to become of a session whose keys are dead."""

    PURGE = "purge"
    RESTORE = "restore"  # put the snapshot back and try once more; purge if there is none
    HOLD = "hold"  # touch nothing until an operator decides
    TRY = "try"  # an operator resumed: put the snapshot back and try; hold again if there is none


class Work(enum.Enum):
    """What the shell is doing to the session's files."""

    NONE = "none"
    PURGING = "purging"
    RESTORING = "restoring"


class Clock(enum.Enum):
    """The named deadlines. Each belongs to one phase and dies with it; STOP with the child."""

    START = "start"
    PAIRING = "pairing"
    LINK = "link"
    STABLE = "stable"
    RECONNECT = "reconnect"
    KEEPALIVE = "keepalive"
    RETRY = "retry"
    STOP = "stop"
    FILES = "files"


_PATHS: dict[Phase, frozenset[str]] = {
    **dict.fromkeys(Phase, frozenset()),
    Phase.INIT: frozenset({"active"}),
    Phase.PAIRING: frozenset({"active"}),
    **dict.fromkeys(CONNECTED, frozenset({"active", "connected"})),
}


@dataclass(slots=True)
class Session:
    """Everything the chart decides by. Times are on the clock of the `now` handed to the core."""

    phase: Phase = Phase.INIT
    reason: Reason | None = None
    """Why the session is where it is; None once it is connected."""
    cause: Reason | None = None
    """What went wrong last, where `reason` only says that a budget ran out."""
    detail: str = ""
    """The redacted particulars of the cause, for a person."""

    generation: int = 0
    """The number of the newest child; a fact of another is stale."""
    child: Child = Child.NONE
    offering: bool = False
    """This child has shown a QR or pair code which nobody has used."""
    bot_busy: bool = False
    """A handler of the bot has been at work for too long: the bot is deaf, the session is not."""

    retries: int = 0
    strikes: int = 0
    """Logins rejected in a row with 401."""
    sequel: Sequel | None = None
    """Set when the keys are dead: what must happen before the next dial."""
    death: Reason | None = None
    """Why the keys are dead."""
    given_up: Reason | None = None
    """Why it was given up; only an operator's resume or relink clears this, no stop or restart."""
    work: Work = Work.NONE

    not_before: float | None = None
    """No dial before this time."""
    ban_until: float | None = None
    code_until: float | None = None
    """Until when the newest QR or pair code must have held, the socket willing."""
    clocks: dict[Clock, float] = field(default_factory=dict)
    spent: dict[Budget, tuple[float, ...]] = field(default_factory=dict)

    def revived(self, shift: float = 0.0) -> Session:
        """This session as a supervisor finds it that starts anew: no child, no work, no clock.

        What was learnt stays: retries, strikes, budgets, bans, what is owed to dead keys. `shift`
        is added to every time, for a clock that began elsewhere. What was given up stays so, even
        if it was stopped since; everything else begins with Start in Init.
        """
        return Session(
            phase=Phase.GAVE_UP if self.given_up else Phase.INIT,
            reason=self.given_up or (self.cause if self.phase is Phase.STOPPED else self.reason),
            cause=self.cause,
            detail=self.detail,
            generation=self.generation,
            retries=self.retries,
            strikes=self.strikes,
            sequel=self.sequel,
            death=self.death,
            given_up=self.given_up,
            not_before=None if self.not_before is None else self.not_before + shift,
            ban_until=None if self.ban_until is None else self.ban_until + shift,
            spent={b: tuple(t + shift for t in times) for b, times in self.spent.items()},
        )

    @property
    def configuration(self) -> Collection[Phase | str]:
        """The phase as the chart stores it: a leaf together with its ancestors."""
        return {*_PATHS[self.phase], self.phase}

    @configuration.setter
    def configuration(self, value: Collection[Phase | str] | Phase) -> None:
        values = [value] if isinstance(value, Phase) else value
        (self.phase,) = (v for v in values if isinstance(v, Phase))
