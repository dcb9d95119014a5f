"""Whose turn it is to dial: few at once, a moment apart, and one alone while all fail alike.

After an outage 49 of 51 logins came within one second, and a start is CPU work: 200 at once on two
cores took each other's time until none was up (measured; see docs/many.md).

Pure: time and jitter come in as values.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..lifecycle import Child, Reason, State, facts
from ..lifecycle.guards import crashed
from .breaker import Breaker

if TYPE_CHECKING:
    from ..lifecycle import Step

LONGEST_TURN: Final = 20.0
"""Seconds after which a dial that came to nothing yet no longer keeps the others waiting."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast sessions may dial."""

    at_once: int = 4
    """So many may be between the start of their process and WhatsApp's answer."""
    apart: float = 0.1
    """Seconds between two dials on average: each wait is half to one and a half times as long."""


@dataclass
class Dials:
    """Grants turns, in the order in which they are wanted. Hears of every step of every session."""

    pace: Pace = field(default_factory=Pace)
    breaker: Breaker = field(default_factory=Breaker)
    _sessions: set[str] = field(default_factory=set)
    _waiting: OrderedDict[str, None] = field(default_factory=OrderedDict)  # in order
    _asked: set[str] = field(default_factory=set)  # by an operator, to try now
    _granted: set[str] = field(default_factory=set)  # a turn, which a permit is asked for
    _dialling: dict[str, float] = field(default_factory=dict)  # until when at most
    _not_before: float = 0.0

    def add(self, name: str) -> None:
        """Know of a session."""
        self._sessions.add(name)

    def remove(self, name: str) -> None:
        """Forget a session, and whatever it wanted."""
        self._sessions.discard(name)
        self._waiting.pop(name, None)
        self._dialling.pop(name, None)
        self._asked.discard(name)
        self._granted.discard(name)

    def hear(self, name: str, step: Step, now: float) -> bool:
        """Note a step of a session. Return whether the breaker opened or closed by it."""
        if name not in self._sessions:
            return False
        session = step.session
        if isinstance(step.fact, facts.Resume | facts.Relink):
            self._asked.add(name)
        if step.after is not State.BACKOFF or session.reason is not Reason.HELD:
            self._waiting.pop(name, None)
            self._granted.discard(name)
        elif name not in self._granted:
            self._waiting.setdefault(name)
            if name in self._asked:
                self._waiting.move_to_end(name, last=False)
        if (
            name in self._dialling
            and name not in self._granted
            and not (step.after is State.INIT and session.child is Child.RUNNING)
        ):
            del self._dialling[name]
        if step.after is State.CONNECTED and step.before is not State.CONNECTED:
            return self.breaker.note_success()
        if step.after is State.PAIRING and step.before is not State.PAIRING:
            return self.breaker.note_code()
        if _has_failed(step) and session.cause is not None:
            return self.breaker.note_failure(name, session.cause, now, of=len(self._sessions))
        return False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def grant(self, now: float, sample: float) -> str | None:
        """Return the session whose turn it is now, if it is anybody's; see `use` and `pass_on`.

        `sample` is a number in [0, 1) that is fresh each time.
        """
        due = self.deadline(now)
        if due is None or due > now:
            return None
        name = next(iter(self._waiting))
        del self._waiting[name]
        self._dialling[name] = now + LONGEST_TURN
        self._granted.add(name)
        self._asked.discard(name)
        self._not_before = now + self.pace.apart * (0.5 + sample)
        if self.breaker.is_open:
            self.breaker.note_try(now)
        return name

    def use(self, name: str, now: float) -> bool:
        """Use a turn that was granted: the session dials. Return whether it still wants to."""
        if name not in self._granted:
            return False
        self._granted.discard(name)
        self._dialling[name] = now + LONGEST_TURN
        return True

    def pass_on(self, name: str) -> None:
        """Let the others go first: the session may not dial yet. It waits until `ask_again`."""
        if name in self._granted:
            self._dialling.pop(name, None)

    def ask_again(self, name: str) -> None:
        """Put a session that passed its turn on at the end of those that wait."""
        if name in self._granted:
            self._granted.discard(name)
            self._waiting.setdefault(name)

    def deadline(self, now: float) -> float | None:
        """Return when somebody's turn comes by time alone; None if nobody waits for that."""
        if not self._waiting:
            return None
        ends = sorted(until for until in self._dialling.values() if until > now)
        is_held = self.breaker.is_open and next(iter(self._waiting)) not in self._asked
        at_once = 1 if self.breaker.is_open else self.pace.at_once
        free = now if len(ends) < at_once else ends[len(ends) - at_once]
        return max(free, self._not_before, self.breaker.next_try if is_held else now)


def _has_failed(step: Step) -> bool:
    """Whether something went wrong just now.

    Of an operator's word and of a restart the cause is what it was, be it of last week: three that
    are relinked in a minute are no trouble of all. Nor are those that died with our fork server:
    of a process that crashed by itself it is known how.
    """
    if isinstance(step.fact, facts.ChildExited) and not crashed(step.fact):
        return False
    left = step.after in {State.BACKOFF, State.LOGGED_OUT, State.GAVE_UP}
    fresh = step.session.reason is step.session.cause and step.before is not State.STOPPED
    return left and fresh and step.before is not step.after
