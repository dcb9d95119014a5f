"""The one door of the core: a fact and the time in, a step with effects out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import facts
from .chart import SessionChart
from .facts import Fact
from .model import Child, Clock, Phase, Session, State, Work
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import statemachine

    from .effects import Effect
    from .reasons import Reason

ALARMS: Mapping[Clock, Fact] = {
    Clock.START: facts.StartTimedOut(),
    Clock.PAIRING: facts.PairingWindowClosed(),
    Clock.LINK: facts.LinkTimedOut(),
    Clock.STABLE: facts.StayedUp(),
    Clock.RECONNECT: facts.ReconnectTimedOut(),
    Clock.KEEPALIVE: facts.KeepAliveGone(),
    Clock.RETRY: facts.BackoffElapsed(),
    Clock.STOP: facts.StopTimedOut(),
    Clock.FILES: facts.FilesTimedOut(),
}
"""What each clock says when it rings."""


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

    `jitter` gives a fresh sample in [0, 1) each time. Every `now` is in seconds on one clock that
    never goes back.
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
        self._chart = SessionChart(self.session, self.policy)

    def update_policy(self, policy: Policy) -> None:
        """Decide by these numbers from now on. Clocks that run keep the time they were set to."""
        self.policy = self._chart.policy = policy

    @property
    def deadline(self) -> float | None:
        """When to call `tick` next, on the clock of the `now` values handed in."""
        return min(self.session.clocks.values(), default=None)

    def tick(self, now: float) -> Step | None:
        """Let the earliest clock ring if it is due."""
        clocks = self.session.clocks
        if not clocks:
            return None
        clock = min(clocks, key=clocks.__getitem__)
        return self.handle(ALARMS[clock], now) if clocks[clock] <= now else None

    def handle(self, fact: Fact, now: float) -> Step:
        """Take one fact. Total: no fact in any state raises."""
        session, chart = self.session, self._chart
        before = session.phase
        taken = False
        if not self._stale(fact, now):
            chart.now, chart.sample = now, self._jitter()
            chart.outbox, chart.taken = [], False
            noted = chart.note(fact)
            if fact.trigger in TRIGGERS[before]:
                chart.send(fact.trigger, fact=fact)
            taken = noted or chart.taken
        if not taken:
            self.ignored[before, fact.name] += 1
        return Step(
            fact,
            before,
            session.phase,
            taken=taken,
            effects=tuple(chart.outbox) if taken else (),
            session=session.copy(),
        )

    def _stale(self, fact: Fact, now: float) -> bool:
        """Whether this comes from an old child, or answers or rings what nothing waits for."""
        session = self.session
        match fact:
            case facts.ChildFact(generation=generation):
                return generation != session.generation or session.child is Child.NONE
            case facts.Alarm():
                clock = _CLOCKS[type(fact)]
                if session.clocks.get(clock, math.inf) > now:
                    return True
                del session.clocks[clock]
                return False
            case facts.PurgeDone() | facts.PurgeFailed():
                return session.work is not Work.PURGING
            case facts.RestoreDone() | facts.NothingToRestore() | facts.RestoreFailed():
                return session.work is not Work.RESTORING
            case _:
                return False


_CLOCKS: Mapping[type[Fact], Clock] = {type(fact): clock for clock, fact in ALARMS.items()}


def _triggers_of(state: statemachine.State) -> frozenset[str]:
    own = {e.id for t in state.transitions for e in t.events if e.id}
    return frozenset(own) | (_triggers_of(state.parent) if state.parent else frozenset())


# What each phase can answer, read off the chart. A storm of facts it cannot answer is told from
# this table: asking the chart costs 0.2 ms a fact, and its answer would be the same.
TRIGGERS: Mapping[Phase, frozenset[str]] = {
    phase: _triggers_of(SessionChart.states_map[phase]) for phase in Phase
}
