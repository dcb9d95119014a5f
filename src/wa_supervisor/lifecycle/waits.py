"""The arithmetic of waiting: clocks, budgets, and when the next dial may be."""

from __future__ import annotations

from .model import Clock, Session
from .policy import Budget, Conflict, Policy
from .reasons import Reason


class Waits:
    """Mixed into the chart with `Decisions`; the chart provides the attributes below."""

    model: Session
    policy: Policy
    now: float
    sample: float

    def _ring(self, clock: Clock, seconds: float) -> None:
        self.model.clocks[clock] = self.now + seconds

    def _spent(self, budget: Budget) -> bool:
        return self.policy.limit(budget).spent(self.model.spent.get(budget, ()), self.now)

    def _count(self, budget: Budget) -> None:
        limit = self.policy.limit(budget)
        times = limit.fresh(self.model.spent.get(budget, ()), self.now)
        self.model.spent[budget] = (*times, self.now)

    def _pause(self) -> float:
        policy, reason = self.policy, self.model.reason
        if reason in {Reason.RESUMED, Reason.DIAL_BUDGET, Reason.TEMPORARY_BAN}:
            return 0.0  # what there is to wait for is in `_earliest_dial`
        if reason is Reason.PAIRING_EXPIRED:
            return policy.pairing_delay(len(self.model.spent.get(Budget.WINDOWS, ())))
        if reason is Reason.PAIR_CODE_LIMITED:
            return policy.code_limit_wait
        if reason is Reason.REPLACED:
            again = policy.backoff.delay(1, self.sample)
            return max(again, policy.conflict_wait) if policy.conflict is Conflict.HOLD else again
        return policy.backoff.delay(self.model.retries, self.sample)

    def _outer_waits(self) -> dict[Reason, float]:
        """Until when others than the retry itself forbid a dial."""
        dials = self.model.spent.get(Budget.DIALS, ())
        return {
            Reason.DIAL_BUDGET: self.policy.dials.room_at(dials, self.now),
            Reason.TEMPORARY_BAN: self.model.ban_until or self.now,
        }

    def _earliest_dial(self) -> float:
        return max(self.model.not_before or self.now, *self._outer_waits().values())

    def _wait(self, seconds: float) -> None:
        model = self.model
        own = max(self.now + seconds, model.not_before or self.now)
        reason, until = max(self._outer_waits().items(), key=lambda wait: wait[1])
        if until >= own and until > self.now:
            model.reason, model.cause = reason, model.cause or reason
        model.not_before = model.clocks[Clock.RETRY] = max(own, until)
