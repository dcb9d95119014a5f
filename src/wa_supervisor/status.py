"""What the supervisor shows the outside: one record for a step, one for how things stand.

No field can hold a secret: payloads, codes and numbers live only in effects and facts, and these
appear here by name.

What is marked PUBLIC in `lifecycle.Session` is written out again in both, and not derived: it is a
promise to others with types of its own (words in a record, which outlives a version; enums in a
status), which mypy and the reader must see. A test holds both lists to the marks.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

from .hints import Hint
from .lifecycle import Reason, State
from .lifecycle.model import PUBLIC, UNTIL, fields_marked
from .redaction import redact

if TYPE_CHECKING:
    from .lifecycle import Session, Step

_FAR = timedelta(days=36_500)  # a later time than anybody will live to see


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepRecord(_Record):
    """One step, as `--json` prints it and the journal keeps it. Times are UTC.

    Words and not types, because a record outlives the version that wrote it.
    """

    ts: datetime
    session: str
    fact: str
    before: str
    after: str
    substate: str | None
    """`online`, `degraded`, `reconnecting` in Connected, `linking` in Pairing, else null."""
    taken: bool
    """False: the fact meant nothing in that state and was ignored."""
    effects: tuple[str, ...]
    # What is marked PUBLIC in lifecycle.Session:
    reason: str | None
    """The code of why the session is where it is; null while all is well."""
    cause: str | None
    """What went wrong last, where the reason only says that a budget ran out."""
    detail: str
    """The redacted particulars of the cause, for a person."""
    generation: int
    """The number of the newest session process."""
    bot_busy: bool
    """A handler of the bot has been at work for too long; what came since waits for it."""
    retries: int
    not_before: datetime | None
    """No dial before this time."""

    @classmethod
    def of(cls, step: Step, name: str, *, now: float, wall: datetime) -> Self:
        """Make the record of a step, taken at `now` on the core's clock: that is `wall`, of day."""
        return cls(
            ts=wall,
            session=name,
            fact=step.fact.name,
            before=step.before.value,
            after=step.after.value,
            substate=step.substate,
            taken=step.taken,
            effects=tuple(effect.name for effect in step.effects),
            **words(shown(step.session, now=now, wall=wall)),
        )

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line of `--json`, which has the steps that were taken."""
        return cls(taken=True, **json.loads(line))

    def __str__(self) -> str:
        substate = f".{self.substate}" if self.substate else ""
        why = f" ({self.reason})" if self.reason else ""
        if not self.taken:
            return f"{self.session}: {self.fact} ignored in {self.before}"
        if self.before == self.after and not substate:
            return f"{self.session}: {self.fact} in {self.after}{why}"
        return f"{self.session}: {self.before} -> {self.after}{substate} on {self.fact}{why}"


class Received(_Record):
    """What was received. It names nobody."""

    waiting: int
    """Messages that the slowest reader has not acknowledged."""
    oldest: datetime | None
    """When the oldest of them arrived."""
    is_full: bool
    trouble: str | None
    """Why messages cannot be read or acknowledged now."""
    refused: dict[str, int]
    """Messages that the gate refused since the start, by reason."""


class Status(_Record):
    """How a session stands."""

    ts: datetime
    session: str
    state: State
    substate: str | None
    """`online`, `degraded`, `reconnecting` in Connected, `linking` in Pairing, else null."""
    # What is marked PUBLIC in lifecycle.Session:
    reason: Reason | None
    cause: Reason | None
    """What went wrong last, where the reason only says that a budget ran out."""
    detail: str
    generation: int
    bot_busy: bool
    """A handler of the bot has been at work for too long; what came since waits for it."""
    retries: int
    not_before: datetime | None
    # What is said beside it:
    sentence: str | None
    """The reason in words."""
    hints: tuple[Hint, ...] = ()
    """What can be done about it, one after another; empty if it heals by itself."""
    ignored: int
    """Facts that meant nothing where they came."""
    journal: str | None
    """Why steps cannot be recorded; null while they can."""
    restricted_at: datetime | None
    """When WhatsApp last refused a message to a new contact (463); null if it never did."""
    received: Received | None = None
    """What waits to be read, and what was refused; null where nothing is kept."""

    @classmethod
    def of(  # noqa: PLR0913 - what is known of a session from four sides
        cls,
        session: Session,
        name: str,
        *,
        now: float,
        wall: datetime,
        ignored: int = 0,
        journal: str | None = None,
        restricted_at: datetime | None = None,
        received: Received | None = None,
    ) -> Self:
        """Say how a session stands at `now` on the core's clock and `wall` on the world's.

        `ignored` is the number of facts that meant nothing, `journal` the trouble with recording.
        """
        explanation = session.reason.explanation if session.reason else None
        return cls(
            ts=wall,
            session=name,
            state=session.phase.state,
            substate=session.phase.substate,
            sentence=explanation.sentence if explanation else None,
            hints=explanation.hints if explanation else (),
            ignored=ignored,
            journal=journal,
            restricted_at=restricted_at,
            received=received,
            **shown(session, now=now, wall=wall),
        )

    def story(self, what: str) -> str:
        """Say where the session is, and why, and what that means for somebody."""
        where = f"{self.state.value}.{self.substate}" if self.substate else self.state.value
        why = f": {self.sentence}" if self.sentence else ""
        return f"session {self.session!r} is in {where}, and {what}{why}"


def shown(session: Session, *, now: float, wall: datetime) -> dict[str, Any]:
    """Return what of a session everybody is shown, with times of day in place of the core's."""
    values = {name: getattr(session, name) for name in fields_marked(PUBLIC)}
    for name in values.keys() & set(fields_marked(UNTIL)):
        values[name] = time_of_day(values[name], now=now, wall=wall)
    return values | {"detail": redact(session.detail)}


def time_of_day(moment: float | None, *, now: float, wall: datetime) -> datetime | None:
    """Return when a moment of the core's clock is, if it is `wall` at `now`."""
    if moment is None:
        return None
    far = _FAR.total_seconds()
    return wall + timedelta(seconds=max(-far, min(far, moment - now)))


def words(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with their public words in place of types."""
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in values.items()
    }
