"""What a supervisor must still know after a restart, and how it is written and taken up again.

In a process, times are on a clock that never goes back and starts anywhere. On disk they are
seconds from the moment of the writing, which is known by the machine's uptime, and by the time of
day in UTC for when the machine was restarted; `elapsed` decides how much of the time since is
believed.
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

from ..clock import Uptime
from ..lifecycle import Clock, Phase, Policy, Reason, Session, State
from ..lifecycle.model import CONNECTED, KEPT, fields_marked
from ..redaction import redact
from ..status import time_of_day
from .elapsed import Elapsed, elapsed

if TYPE_CHECKING:
    from collections.abc import Callable

Order = Literal["resume", "relink"]


class Memory(BaseModel):
    """A session between two lives of its supervisor. Holds no secret. Times of day are UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    version: Literal[2] = 2
    written_at: AwareDatetime
    uptime: Uptime | None = None
    """The machine's, when it was written."""

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


def remember(  # noqa: PLR0913 - a session, three ways to tell the time, and what was before
    session: Session,
    now: float,
    wall: datetime,
    *,
    uptime: Uptime | None = None,
    last: Memory | None = None,
    fact: str = "",
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
        uptime=uptime,
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


def recall(
    memory: Memory, now: float, wall: datetime, policy: Policy, *, uptime: Uptime | None = None
) -> Session:
    """Take a memory up at `now` on the new core's clock: no child, no work, no clock runs.

    What was given up stays so; all else begins with Start in Init, and the chart then deals with
    dead keys and unfinished waits. If the machine was restarted and its clock set back, every time
    is as far off as it was at the writing. No wait is longer than `policy.ban_max`.
    """
    passed = passed_since(memory, wall, uptime)
    return memory.session.recalled(now, passed.waits, aged=passed.budgets, longest=policy.ban_max)


def passed_since(memory: Memory, wall: datetime, uptime: Uptime | None) -> Elapsed:
    """Tell what has passed since a memory was written."""
    return elapsed(memory.written_at, wall, uptime_then=memory.uptime, uptime_now=uptime)


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
