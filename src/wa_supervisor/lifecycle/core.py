"""The one door of the core: a fact and the time in, a step with effects out."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import facts
from .chart import SessionChart
from .facts import ChildFact, Fact
from .model import Child, Clock, Phase, Session, Work
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from statemachine import State

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
    before: Phase
    after: Phase
    taken: bool
    """False: the fact meant nothing there and was ignored."""
    effects: tuple[Effect, ...] = ()
    reason: Reason | None = None
    retries: int = 0
    not_before: float | None = None


class SessionCore:
    """Decides; never waits, reads a clock or does I/O. For one owner, not for threads."""

    def __init__(
        self,
        session: Session | None = None,
        policy: Policy | None = None,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.session = session or Session()
        self.policy = policy or Policy()
        self.ignored: Counter[tuple[Phase, str]] = Counter()
        self._jitter = jitter
        self._chart = SessionChart(self.session, self.policy)

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
        if clocks[clock] > now:
            return None
        del clocks[clock]
        return self.handle(ALARMS[clock], now)

    def handle(self, fact: Fact, now: float) -> Step:
        """Take one fact. Total: no fact in any state raises."""
        session, chart = self.session, self._chart
        before = session.phase
        if self._stale(fact):
            return self._ignore(fact, before)
        self._note(fact)
        if fact.trigger not in TRIGGERS[before]:
            return self._ignore(fact, before)
        chart.now, chart.sample = now, self._jitter()
        chart.outbox, chart.taken = [], False
        chart.send(fact.trigger, fact=fact)
        if not chart.taken:
            return self._ignore(fact, before)
        return Step(
            fact,
            before,
            session.phase,
            taken=True,
            effects=tuple(chart.outbox),
            reason=session.reason,
            retries=session.retries,
            not_before=session.not_before,
        )

    def _stale(self, fact: Fact) -> bool:
        if not isinstance(fact, ChildFact):
            return False
        return fact.generation != self.session.generation or self.session.child is Child.NONE

    def _note(self, fact: Fact) -> None:
        """Record what is so in every state: the child is gone, the work on the files is over."""
        if isinstance(fact, facts.ChildExited):
            self.session.child = Child.NONE
            self.session.clocks.pop(Clock.STOP, None)
        elif isinstance(fact, _WORK_OVER):
            self.session.work = Work.NONE
            self.session.clocks.pop(Clock.FILES, None)

    def _ignore(self, fact: Fact, phase: Phase) -> Step:
        self.ignored[phase, fact.name] += 1
        session = self.session
        return Step(
            fact,
            phase,
            phase,
            taken=False,
            reason=session.reason,
            retries=session.retries,
            not_before=session.not_before,
        )


_WORK_OVER = (facts.PurgeDone, facts.PurgeFailed, facts.RestoreDone, facts.NothingToRestore)


def _triggers_of(state: State) -> frozenset[str]:
    own = {e.id for t in state.transitions for e in t.events if e.id}
    return frozenset(own) | (_triggers_of(state.parent) if state.parent else frozenset())


# What each phase can answer, read off the chart. A storm of facts it cannot answer is told from
# this table: asking the chart costs 0.2 ms a fact, and its answer would be the same.
TRIGGERS: Mapping[Phase, frozenset[str]] = {
    phase: _triggers_of(SessionChart.states_map[phase]) for phase in Phase
}
