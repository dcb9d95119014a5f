"""The arithmetic of waiting: clocks, budgets, and when the next dial may be."""

from __future__ import annotations

from collections.abc import Mapping

from . import facts
from .facts import Alarm
from .model import Clock, Session
from .policy import Budget, Conflict, Policy
from .reasons import Reason

ALARMS: Mapping[Clock, Alarm] = {
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

CLOCKS: Mapping[type[facts.Fact], Clock] = {type(alarm): clock for clock, alarm in ALARMS.items()}
"""Which clock says it."""


class Waits:
    """The base of what is mixed into the chart, which sets the attributes below for each fact."""

    session: Session
    policy: Policy
    now: float
    sample: float

    def _ring(self, clock: Clock, seconds: float) -> None:
        self.session.clocks[clock] = self.now + seconds

    def _spent(self, budget: Budget) -> bool:
        return self.policy.limit(budget).spent(self.session.spent.get(budget, ()), self.now)

    def _count(self, budget: Budget) -> None:
        limit = self.policy.limit(budget)
        times = limit.fresh(self.session.spent.get(budget, ()), self.now)
        self.session.spent[budget] = (*times, self.now)

    def _pause(self) -> float:
        """How long to wait before the next dial, for the session's own part."""
        policy, reason = self.policy, self.session.reason
        match reason:
            case Reason.RESUMED | Reason.RESTARTING | Reason.DIAL_BUDGET | Reason.TEMPORARY_BAN:
                return 0.0  # what there is to wait for is in `_outer_waits`
            case Reason.PAIRING_EXPIRED:
                return policy.pairing_delay(len(self.session.spent.get(Budget.WINDOWS, ())))
            case Reason.PAIR_CODE_LIMITED:
                return policy.code_limit_wait
            case Reason.INBOX_FULL:
                return policy.backoff.cap  # room is told of; this is for when that is missed
            case Reason.REPLACED:
                again = policy.backoff.delay(1, self.sample)
                holds = policy.conflict is Conflict.HOLD
                return max(again, policy.conflict_wait) if holds else again
            case _:
                return policy.backoff.delay(self.session.retries, self.sample)

    def _outer_waits(self) -> dict[Reason, float]:
        """Until when others than the retry itself forbid a dial."""
        dials = self.session.spent.get(Budget.DIALS, ())
        return {
            Reason.DIAL_BUDGET: self.policy.dials.room_at(dials, self.now),
            Reason.TEMPORARY_BAN: self.session.ban_until or self.now,
        }

    def _earliest_dial(self) -> float:
        return max(self.session.not_before or self.now, *self._outer_waits().values())

    def _wait(self, seconds: float) -> None:
        """Wait so long at least, and as long as others forbid a dial; who waits longest is why."""
        session = self.session
        own = max(self.now + seconds, session.not_before or self.now)
        reason, until = max(self._outer_waits().items(), key=lambda wait: wait[1])
        if until >= own and until > self.now:
            session.reason, session.cause = reason, session.cause or reason
        session.not_before = session.clocks[Clock.RETRY] = max(own, until)
