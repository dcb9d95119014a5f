"""What a supervisor must still know after a restart, and how it is told and taken up again.

In a process, times are on a clock that never goes back and starts anywhere. On disk they are wall
clock times in UTC, because only that clock outlives the process. It may jump: backwards when the
time is set right, years ahead on a board that boots in 1970. So a memory says when it was written,
and `recall` decides how much of the time since then it believes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt

from ..lifecycle import Budget, Clock, DeadKeysPlan, Phase, Policy, Reason, Session
from ..lifecycle.policy import DAY
from ..redaction import redact

BELIEVED = 30 * DAY
"""Seconds. A longer silence than this may be a clock that was set. Then the waits are over all the
same, but no budget is taken for refilled: it counts from the start, which costs an hour's wait at
most where the silence was real."""

_FAR = 36_500 * DAY  # keeps a time that nobody will live to see within what a datetime can say


class Memory(BaseModel):
    """A session between two lives of its supervisor. Holds no secret. Times are UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    written_at: AwareDatetime

    phase: Phase
    reason: Reason | None
    cause: Reason | None
    detail: str
    given_up: Reason | None
    """Why it was given up. No restart clears this, only an operator."""
    dead_keys_plan: DeadKeysPlan | None
    """What is still owed to dead keys before the next dial."""
    dead_keys_reason: Reason | None
    generation: NonNegativeInt
    retries: NonNegativeInt
    strikes: NonNegativeInt

    not_before: AwareDatetime | None
    ban_until: AwareDatetime | None
    spent: dict[Budget, tuple[AwareDatetime, ...]]

    last_stable: AwareDatetime | None
    """When the session was last seen to be stable."""
    last_pairing: AwareDatetime | None
    """When a phone last paired."""

    order: Literal["resume", "relink"] | None = None
    """What an operator left for the next run to do first, while none took orders."""


def remember(
    session: Session, now: float, wall: datetime, *, last: Memory | None = None, fact: str = ""
) -> Memory:
    """Tell what must survive, at `now` on the core's clock and `wall` on the world's.

    `last` is the memory before this one and `fact` the name of what happened since.
    """

    def at(moment: float | None) -> datetime | None:
        if moment is None:
            return None
        return wall + timedelta(seconds=max(-_FAR, min(_FAR, moment - now)))

    # Online without the clock that runs until a connection counts as stable: it is stable.
    stable = session.phase is Phase.ONLINE and Clock.STABLE not in session.clocks
    return Memory(
        written_at=wall,
        phase=session.phase,
        reason=session.reason,
        cause=session.cause,
        detail=redact(session.detail),
        given_up=session.given_up,
        dead_keys_plan=session.dead_keys_plan,
        dead_keys_reason=session.dead_keys_reason,
        generation=session.generation,
        retries=session.retries,
        strikes=session.strikes,
        not_before=at(session.not_before),
        ban_until=at(session.ban_until),
        spent={
            budget: tuple(when for moment in times if (when := at(moment)))
            for budget, times in session.spent.items()
        },
        last_stable=wall if stable else (last and last.last_stable),
        last_pairing=wall if fact == "PairSucceeded" else (last and last.last_pairing),
        order=last and last.order,
    )


def recall(memory: Memory, now: float, wall: datetime, policy: Policy) -> Session:
    """Take a memory up at `now` on the new core's clock: no child, no work, no clock runs.

    What was given up stays so; all else begins with Start in Init, and the chart then deals with
    dead keys and unfinished waits. If the wall clock went back since, every time is as far off as
    it was at the writing. No wait is longer than `policy.ban_max`.
    """
    silence = max(0.0, (wall - memory.written_at).total_seconds())
    believed = silence if silence <= BELIEVED else 0.0

    def wait(until: datetime | None) -> float | None:
        if until is None:
            return None
        left = (until - memory.written_at).total_seconds() - silence
        return now + min(left, policy.ban_max)

    def spent(times: Iterable[datetime]) -> tuple[float, ...]:
        ages = (believed - (when - memory.written_at).total_seconds() for when in times)
        return tuple(now - max(0.0, age) for age in ages)

    return Session(
        phase=memory.phase,
        reason=memory.reason,
        cause=memory.cause,
        detail=memory.detail,
        given_up=memory.given_up,
        dead_keys_plan=memory.dead_keys_plan,
        dead_keys_reason=memory.dead_keys_reason,
        generation=memory.generation,
        retries=memory.retries,
        strikes=memory.strikes,
        not_before=wait(memory.not_before),
        ban_until=wait(memory.ban_until),
        spent={budget: spent(times) for budget, times in memory.spent.items()},
    ).revived()


def careful(now: float, policy: Policy) -> Session:
    """Tell how to begin after a memory that was lost: the first dial waits as long as any retry.

    What was spent is not known. A supervisor that loses its memory at every start must not overrun
    the dial budget either, so it waits for that budget's average pace at least.
    """
    pace = policy.dials.window / policy.dials.count
    return Session(
        reason=Reason.MEMORY_LOST,
        cause=Reason.MEMORY_LOST,
        not_before=now + max(policy.backoff.cap, pace),
    )
