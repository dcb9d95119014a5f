"""What a supervisor must still know after a restart, and how it is written and taken up again.

In a process, times are on a clock that never goes back and starts anywhere. On disk they are
seconds from the moment of the writing, which is a time of day in UTC, because only that clock
outlives the process. It may jump: backwards when the time is set right, years ahead on a board that
boots in 1970. So `recall` decides how much of the time since the writing it believes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_serializer,
)

from ..lifecycle import Clock, Phase, Policy, Reason, Session, State
from ..lifecycle.model import CONNECTED, KEPT, fields_marked
from ..lifecycle.policy import DAY
from ..redaction import redact
from ..status import time_of_day

if TYPE_CHECKING:
    from collections.abc import Callable

BELIEVED = 30 * DAY
"""Seconds. A longer silence than this may be a clock that was set. Then the waits are over all the
same, but no budget is taken for refilled: it counts from the start, which costs an hour's wait at
most where the silence was real."""

Order = Literal["resume", "relink"]


class Memory(BaseModel):
    """A session between two lives of its supervisor. Holds no secret. Times of day are UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    version: Literal[2] = 2
    written_at: AwareDatetime

    session: Session
    """What is marked KEPT, see `Session.remembered`: its times are seconds from `written_at`."""

    last_stable: AwareDatetime | None = None
    """When the session was last seen to be stable."""
    last_pairing: AwareDatetime | None = None
    """When a phone last paired."""

    since: AwareDatetime | None = None
    """Since when the session is where it is: in this state, or given up."""
    paired: bool | None = None
    """Whether there are keys; None: nobody knows yet."""
    connected_at: AwareDatetime | None = None
    """When the session was last known to be connected."""
    phone_seen_at: AwareDatetime | None = None
    """The last sign of the phone that was noticed."""

    order: Order | None = None
    """What an operator left for the next run to do first, while none took orders."""

    @field_serializer("session", mode="wrap")
    def _only_what_is_kept(
        self, session: Session, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        values: dict[str, Any] = handler(session)
        return {name: values[name] for name in fields_marked(KEPT)}

    def time(self, moment: float | None) -> datetime | None:
        """Return when a time of its session is, of day."""
        return time_of_day(moment, now=0.0, wall=self.written_at)

    def amended(
        self, fact: str, change: Callable[[Session], Session] | None, order: Order | None
    ) -> Memory:
        """Return it as an operator leaves it: another session, or an order for the next run."""
        return self.model_copy(
            update={
                "session": change(self.session) if change else self.session,
                "paired": _PAIRED.get(fact, self.paired),
                "order": order or self.order,
            }
        )


def remember(
    session: Session, now: float, wall: datetime, *, last: Memory | None = None, fact: str = ""
) -> Memory:
    """Return what must survive, at `now` on the core's clock and `wall` on the world's.

    `last` is the memory before this one and `fact` the name of what happened since.
    """
    kept = session.remembered(now)
    kept.detail = redact(kept.detail)
    # Online without the clock that runs until a connection counts as stable: it is stable.
    stable = session.phase is Phase.ONLINE and Clock.STABLE not in session.clocks
    paired = fact == "PairSucceeded"
    stayed = last is not None and _place(last.session) == _place(kept)
    was_up = session.phase in CONNECTED or (last is not None and last.session.phase in CONNECTED)
    return Memory(
        written_at=wall,
        session=kept,
        last_stable=wall if stable else (last and last.last_stable),
        last_pairing=wall if paired else (last and last.last_pairing),
        since=last.since if last and stayed else wall,
        paired=_PAIRED.get(fact, last and last.paired),
        connected_at=wall if was_up else (last and last.connected_at),
        phone_seen_at=wall if paired else (last and last.phone_seen_at),
        order=last and last.order,
    )


_PAIRED = {
    "PairSucceeded": True,
    "Connected": True,
    "RestoreDone": True,
    "QrOffered": False,
    "PairCodeOffered": False,
    "PurgeDone": False,
    "OperatorRestored": True,
    "OperatorPurged": False,
}
"""What a fact says of whether there are keys."""


def _place(session: Session) -> State | Reason:
    """Where a session is for a person: what was given up stays so, also while it is stopped."""
    return session.given_up or session.phase.state


def recall(memory: Memory, now: float, wall: datetime, policy: Policy) -> Session:
    """Take a memory up at `now` on the new core's clock: no child, no work, no clock runs.

    What was given up stays so; all else begins with Start in Init, and the chart then deals with
    dead keys and unfinished waits. If the wall clock went back since, every time is as far off as
    it was at the writing. No wait is longer than `policy.ban_max`.
    """
    silence = max(0.0, (wall - memory.written_at).total_seconds())
    aged = silence if silence <= BELIEVED else 0.0
    return memory.session.recalled(now, silence, aged=aged, longest=policy.ban_max)


def careful(now: float, policy: Policy) -> Session:
    """Return how to begin after a memory that was lost: the first dial waits as long as any retry.

    What was spent is not known. A supervisor that loses its memory at every start must not overrun
    the dial budget either, so it waits for that budget's average pace at least.
    """
    pace = policy.dials.window / policy.dials.count
    return Session(
        reason=Reason.MEMORY_LOST,
        cause=Reason.MEMORY_LOST,
        not_before=now + max(policy.backoff.cap, pace),
    )
