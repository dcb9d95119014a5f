"""What is known about one WhatsApp session: plain data, nothing that acts.

`Session` is the one list of fields. What is said of a field beside its type says where it goes:
`KEPT` survives a restart, `PUBLIC` is shown in a status and a step, `UNTIL` and `SINCE` are times
that must be shifted between clocks. Whoever stores or shows a session reads these marks
(`fields_marked`), so a new field is written down once.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, get_args, get_type_hints

from .policy import Budget
from .reasons import Reason


class State(enum.Enum):
    """Where a session is, as everybody is shown it."""

    INIT = "Init"
    PAIRING = "Pairing"
    CONNECTED = "Connected"
    LOGGED_OUT = "LoggedOut"
    PURGING = "Purging"
    BACKOFF = "Backoff"
    GAVE_UP = "GaveUp"
    STOPPED = "Stopped"


class Phase(enum.Enum):
    """The chart's innermost states: a state, or a state and its sub-state."""

    INIT = "Init"
    PAIRING = "Pairing"
    LINKING = "Pairing.linking"
    ONLINE = "Connected.online"
    DEGRADED = "Connected.degraded"
    RECONNECTING = "Connected.reconnecting"
    LOGGED_OUT = "LoggedOut"
    PURGING = "Purging"
    BACKOFF = "Backoff"
    GAVE_UP = "GaveUp"
    STOPPED = "Stopped"

    @property
    def state(self) -> State:
        """The public state."""
        return State(self.value.partition(".")[0])

    @property
    def substate(self) -> str | None:
        """`online`, `degraded` or `reconnecting` in Connected, `linking` in Pairing, else None."""
        return self.value.partition(".")[2] or None


CONNECTED = frozenset({Phase.ONLINE, Phase.DEGRADED, Phase.RECONNECTING})
ACTIVE = CONNECTED | {Phase.INIT, Phase.PAIRING, Phase.LINKING}
"""The phases in which a client is wanted."""


class Child(enum.Enum):
    """The session process, as far as it is known here."""

    NONE = "none"  # reaped, or never started: only now may a file be touched
    RUNNING = "running"
    STOPPING = "stopping"


class DeadKeysPlan(enum.Enum):
    """What is to become of a session whose keys are dead."""

    PURGE = "purge"
    RESTORE = "restore"  # put the snapshot back and try once more; purge if there is none
    HOLD = "hold"  # touch nothing until an operator decides
    TRY = "try"  # an operator resumed: put the snapshot back and try; hold again if there is none


class Logout(enum.Enum):
    """How WhatsApp ended the session (whatsmeow types/events/events.go)."""

    REMOVED = "device_removed"  # stream error 401: unlinked on the phone
    REJECTED = "rejected"  # <failure 401> at login
    LOCKED = "locked"  # <failure 403>, "LOCKED" in WhatsApp Web
    BANNED = "banned"  # <failure 406>, "BANNED" in WhatsApp Web
    UNHEARD = "unheard"  # whatsmeow deleted the keys, but its process ended before it could say why


LOGOUTS: Mapping[Logout, tuple[Reason, DeadKeysPlan]] = {
    Logout.REMOVED: (Reason.LOGGED_OUT, DeadKeysPlan.PURGE),
    Logout.REJECTED: (Reason.LOGIN_REJECTED, DeadKeysPlan.RESTORE),
    Logout.LOCKED: (Reason.LOCKED, DeadKeysPlan.HOLD),
    Logout.BANNED: (Reason.BANNED, DeadKeysPlan.HOLD),
    Logout.UNHEARD: (Reason.LOGIN_REJECTED, DeadKeysPlan.RESTORE),
}
"""Why the keys are dead, and what is to become of them."""


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


class Mark(enum.Enum):
    """What is said of a field of `Session` beside its type."""

    KEPT = enum.auto()
    PUBLIC = enum.auto()
    UNTIL = enum.auto()
    SINCE = enum.auto()


KEPT, PUBLIC, UNTIL, SINCE = Mark


@dataclass(slots=True)
class Session:
    """Everything the chart decides by. Times are on the clock of the `now` handed to the core."""

    phase: Annotated[Phase, KEPT] = Phase.INIT
    reason: Annotated[Reason | None, KEPT, PUBLIC] = None
    """Why the session is where it is; None once it is connected."""
    cause: Annotated[Reason | None, KEPT, PUBLIC] = None
    """What went wrong last, where `reason` only says that a budget ran out."""
    detail: Annotated[str, KEPT, PUBLIC] = ""
    """The redacted particulars of the cause, for a person."""

    generation: Annotated[int, KEPT, PUBLIC] = 0
    """The number of the newest child; a fact of another is stale."""
    child: Child = Child.NONE
    offering: bool = False
    """This child has shown a QR or pair code which nobody has used."""
    bot_busy: Annotated[bool, PUBLIC] = False
    """A handler of the bot has been at work for too long: the bot is deaf, the session is not."""
    bot_failed: bool = False
    """This child's bot has ended it: its death is to be reported, though it is being stopped."""
    events_left_out: Annotated[tuple[str, ...], KEPT] = ()
    """Events the bot asks for and does not get, as neonize cannot hand them over."""
    inbox_full: bool = False
    """The inbox holds no more: no client is wanted until it was read."""
    dials_held: str | None = None
    """Why each dial needs to be allowed; None if none does."""

    retries: Annotated[int, KEPT, PUBLIC] = 0
    strikes: Annotated[int, KEPT] = 0
    """Logins rejected in a row with 401, heard or not."""
    dead_keys_plan: Annotated[DeadKeysPlan | None, KEPT] = None
    """Set when the keys are dead: what must happen before the next dial."""
    dead_keys_reason: Annotated[Reason | None, KEPT] = None
    """Why the keys are dead."""
    given_up: Annotated[Reason | None, KEPT] = None
    """Why it was given up; only an operator's resume or relink clears this, no stop or restart."""
    work: Work = Work.NONE

    not_before: Annotated[float | None, KEPT, PUBLIC, UNTIL] = None
    """No dial before this time."""
    ban_until: Annotated[float | None, KEPT, UNTIL] = None
    watching_network: bool = False
    """The shell looks whether WhatsApp can be reached."""
    code_until: float | None = None
    """Until when the newest QR or pair code must have held, the socket willing."""
    clocks: dict[Clock, float] = field(default_factory=dict)
    spent: Annotated[dict[Budget, tuple[float, ...]], KEPT, SINCE] = field(default_factory=dict)
    """When each budget was drawn on; that of bans may lie ahead, as it counts from their end."""

    def copy(self) -> Session:
        """This session as it stands now, which no later step changes."""
        same = Session(*(getattr(self, each.name) for each in fields(self)))
        same.clocks, same.spent = dict(self.clocks), dict(self.spent)
        return same

    def revived(self) -> Session:
        """This session as a supervisor finds it that starts now: no child, no work, no clock.

        What is KEPT stays. What was given up stays so, even if it was stopped since; everything
        else begins with Start in Init.
        """
        found = Session(**{name: getattr(self, name) for name in fields_marked(KEPT)})
        found.phase = Phase.GAVE_UP if self.given_up else Phase.INIT
        last = self.cause if self.phase is Phase.STOPPED else self.reason
        found.reason = self.given_up or last
        return found

    def with_other_keys(self) -> Session:
        """This session after an operator put other keys in place: nothing is owed to the dead."""
        found = self.copy()
        found.dead_keys_plan = found.dead_keys_reason = None
        found.strikes = 0
        return found

    def remembered(self, now: float) -> Session:
        """What must survive this supervisor: what is KEPT, with every time counted from `now`.

        Times that lie ahead are positive, those past negative: they mean something on any clock.
        """
        kept = Session(**{name: getattr(self, name) for name in fields_marked(KEPT)})
        return _shifted(kept, until=-now, since=-now)

    def recalled(
        self,
        now: float,
        silence: float = 0.0,
        *,
        aged: float | None = None,
        longest: float = math.inf,
    ) -> Session:
        """A `remembered` session as a supervisor finds it that starts at `now` on its clock.

        `silence` seconds have passed since; `aged` of them, by default all, count for the budgets.
        No wait that is left is believed to be longer than `longest` seconds, and nothing to have
        been spent in the future, but for a ban, which counts from its end.
        """
        aged = silence if aged is None else aged
        found = _shifted(self.revived(), until=-silence, since=-aged)
        for name in fields_marked(UNTIL):
            if (left := getattr(found, name)) is not None:
                setattr(found, name, min(left, longest))
        ahead = {Budget.BANS: longest}
        found.spent = {
            budget: tuple(min(at, ahead.get(budget, 0.0)) for at in times)
            for budget, times in found.spent.items()
        }
        return _shifted(found, until=now, since=now)


@cache
def fields_marked(mark: Mark) -> tuple[str, ...]:
    """The names of the fields of `Session` that carry this mark, in their order."""
    hints = get_type_hints(Session, include_extras=True)
    return tuple(each.name for each in fields(Session) if mark in get_args(hints[each.name])[1:])


def _shifted(session: Session, *, until: float, since: float) -> Session:
    for name in fields_marked(UNTIL):
        if (time := getattr(session, name)) is not None:
            setattr(session, name, time + until)
    for name in fields_marked(SINCE):
        drawn = getattr(session, name)
        setattr(session, name, {b: tuple(t + since for t in times) for b, times in drawn.items()})
    return session
