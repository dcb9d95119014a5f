"""The one door of the core: a fact and the time in, a step with effects out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .chart import NOTED, TRIGGERS, SessionChart
from .facts import Fact
from .model import Phase, Session, State
from .policy import Policy
from .waits import ALARMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .effects import Effect
    from .reasons import Reason


@dataclass(frozen=True, slots=True)
class Step:
    """What one fact did. Safe to log: secrets redact themselves."""

    fact: Fact
    phase_before: Phase
    phase_after: Phase
    taken: bool
    """The fact led somewhere, or said something that is remembered; False: it was ignored."""
    effects: tuple[Effect, ...] = ()
    session: Session = field(default_factory=Session, repr=False)
    """The session as the step left it: a copy."""

    @property
    def before(self) -> State:
        """Where the session was."""
        return self.phase_before.state

    @property
    def after(self) -> State:
        """Where it is now."""
        return self.phase_after.state

    @property
    def substate(self) -> str | None:
        """Where in that state it is now, if the state has sub-states; see `Phase`."""
        return self.phase_after.substate

    @property
    def reason(self) -> Reason | None:
        """Why it is there; None while all is well."""
        return self.session.reason


class SessionCore:
    """Decides; never waits, reads a clock or does I/O. For one owner, not for threads.

    `session` is where an earlier life left off: `Session.recalled` of what was remembered, which
    is read before the core is made. `jitter` gives a fresh sample in [0, 1) each time. Every `now`
    is in seconds on one clock that never goes back.
    """

    def __init__(
        self,
        session: Session | None = None,
        policy: Policy | None = None,
        *,
        jitter: Callable[[], float],
    ) -> None:
        self.session = session or Session()
        self.policy = policy or Policy()
        self.ignored: Counter[tuple[Phase, str]] = Counter()
        self._jitter = jitter

    def update_policy(self, policy: Policy) -> None:
        """Decide by these numbers from now on. Clocks that run keep the time they were set to."""
        self.policy = policy

    @property
    def deadline(self) -> float | None:
        """When to call `tick` next, on the clock of the `now` values handed in."""
        return min(self.session.clocks.values(), default=None)

    def tick(self, now: float) -> Step | None:
        """Let the earliest clock ring if it is due. Raises ValueError as `handle` does."""
        _check_finite(now)
        clocks = self.session.clocks
        if not clocks:
            return None
        clock = min(clocks, key=clocks.__getitem__)
        return self.handle(ALARMS[clock], now) if clocks[clock] <= now else None

    def handle(self, fact: Fact, now: float) -> Step:
        """Take one fact. Total: no fact in any state raises.

        Raises ValueError if `now` is no finite number: every wait would be wrong from then on.
        """
        _check_finite(now)
        session, before = self.session, self.session.phase
        taken = False
        effects: tuple[Effect, ...] = ()
        if fact.trigger in TRIGGERS[before] or type(fact) in NOTED:  # else nothing can come of it
            chart = _borrow()
            taken = chart.take(fact, session, self.policy, now, self._jitter())
            effects = tuple(chart.outbox) if taken else ()
            _IDLE.append(chart)
        if not taken:
            self.ignored[before, fact.name] += 1
        return Step(fact, before, session.phase, taken, effects, session.copy())


def _check_finite(now: float) -> None:
    if not math.isfinite(now):
        raise ValueError(f"now is {now}: the time must be a finite number of seconds")


# A chart is the same for every session and holds nothing between two facts, but only one session
# at a time may use it. So there are as many as there are threads in here at once, as a rule one.
# `append` and `pop` of a list are atomic.
_IDLE: list[SessionChart] = []


def _borrow() -> SessionChart:
    try:
        return _IDLE.pop()
    except IndexError:
        return SessionChart()
