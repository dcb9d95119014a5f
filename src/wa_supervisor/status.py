"""What the supervisor tells the outside: one record for a step, one for how things stand.

No field can hold a secret: payloads, codes and numbers live only in effects and facts, and these
appear here by name.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from .lifecycle import Reason, Session, SessionCore, Step


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepRecord(_Record):
    """One step, as `--json` prints it. Times are UTC."""

    ts: datetime
    session: str
    fact: str
    before: str
    after: str
    shade: str | None
    """`online`, `degraded` or `reconnecting` while Connected."""
    taken: bool
    """False: the fact meant nothing in that state and was ignored."""
    reason: str | None
    """The code of why the session is where it is; null while all is well."""
    effects: tuple[str, ...]
    generation: int
    """The number of the newest session process."""
    retries: int
    not_before: datetime | None
    """No dial before this time."""

    @classmethod
    def of(cls, step: Step, name: str, session: Session, now: float) -> Self:
        """Make the record of a step taken at `now` on the core's clock."""
        wall = datetime.now(UTC)
        return cls(
            ts=wall,
            session=name,
            fact=step.fact.name,
            before=step.before.value,
            after=step.after.value,
            shade=step.substate,
            taken=step.taken,
            reason=_code(step.reason),
            effects=tuple(effect.name for effect in step.effects),
            generation=session.generation,
            retries=session.retries,
            not_before=_wall(session.not_before, now, wall),
        )

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line of `--json`, which tells the steps that were taken."""
        return cls(taken=True, **json.loads(line))

    def __str__(self) -> str:
        shade = f".{self.shade}" if self.shade else ""
        why = f" ({self.reason})" if self.reason else ""
        if not self.taken:
            return f"{self.session}: {self.fact} ignored in {self.before}"
        if self.before == self.after and not shade:
            return f"{self.session}: {self.fact} in {self.after}{why}"
        return f"{self.session}: {self.before} -> {self.after}{shade} on {self.fact}{why}"


class Status(_Record):
    """How the session stands now."""

    ts: datetime
    session: str
    state: str
    shade: str | None
    reason: str | None
    cause: str | None
    """What went wrong last, where the reason only says that a budget ran out."""
    sentence: str | None
    """The reason in words."""
    action: str | None
    """What a person can do about it."""
    detail: str
    generation: int
    retries: int
    not_before: datetime | None
    ignored: int
    """Facts that meant nothing where they came."""
    bot_busy: bool
    """A handler of the bot has been at work for too long; what came since waits for it."""
    journal: str | None
    """Why steps cannot be recorded; null while they can."""

    @classmethod
    def of(cls, name: str, core: SessionCore, now: float, journal: str | None = None) -> Self:
        """Read the core at `now` on its clock; `journal` is the trouble with recording, if any."""
        session, wall = core.session, datetime.now(UTC)
        told = session.reason.explanation if session.reason else None
        return cls(
            ts=wall,
            session=name,
            state=session.phase.state.value,
            shade=session.phase.substate,
            reason=_code(session.reason),
            cause=_code(session.cause),
            sentence=told.sentence if told else None,
            action=(told.action or None) if told else None,
            detail=session.detail,
            generation=session.generation,
            retries=session.retries,
            not_before=_wall(session.not_before, now, wall),
            ignored=core.ignored.total(),
            bot_busy=session.bot_busy,
            journal=journal,
        )


def _code(reason: Reason | None) -> str | None:
    return reason.value if reason else None


def _wall(moment: float | None, now: float, wall: datetime) -> datetime | None:
    return None if moment is None else wall + timedelta(seconds=moment - now)
