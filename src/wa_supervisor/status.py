"""What the supervisor shows the outside: one record for a step, one for how things stand.

No field can hold a secret: payloads, codes and numbers live only in effects and facts, and these
appear here by name.

What is marked PUBLIC in `lifecycle.Session` is written out again in both, and not derived: it is a
promise to others with types of its own (words in a record, which outlives a version; enums in a
status), which mypy and the reader must see. A test holds both lists to the marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, computed_field

from .hints import Action, Hint, phrase
from .lifecycle import Budget, Phase, Policy, Reason, State
from .lifecycle import reasons as explained
from .lifecycle.model import PUBLIC, UNTIL, fields_marked
from .redaction import redact
from .status_parts import (
    Device,
    LastRun,
    PairingNow,
    ProcessState,
    Received,
    Running,
    Spending,
    Who,
)
from .step_words import in_words, shortened

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
        """Say in a line what happened, where that leads, why, and when it dials next."""
        what = in_words(self.fact)
        if not self.taken:
            return f"{self.session}: {self.before}: {what}, which means nothing there"
        where = f"{self.after}.{self.substate}" if self.substate else self.after
        moved = where if self.before == self.after else f"{self.before} -> {where}"
        text = f"{self.session}: {moved}: {what}"
        if self.reason:
            text += f" ({self.reason})"
        if self.reason and self.detail:  # else it is of something that is over
            text += f": {shortened(self.detail)}"
        if self.retries:
            text += f"; retry {self.retries}"
        if self.not_before and self.not_before > self.ts:
            text += f"; next dial {self.not_before.astimezone():%Y-%m-%d %H:%M:%S %Z}"
        return text


class Beside(TypedDict, total=False):
    """What of a status is known beside the session itself: the fields of that name."""

    supervisor: Running
    since: datetime | None
    substate_since: datetime | None
    process: ProcessState | None
    client: ProcessState | None
    versions: dict[str, str]
    device: Device
    pairing: PairingNow | None
    received: Received | None
    restricted_at: datetime | None
    ignored: int
    journal: str | None
    notify: dict[str, str]
    order: Literal["resume", "relink"] | None
    last_run: LastRun | None
    trouble: str | None


class Status(_Record):
    """How a session stands: all that a person is shown, in a terminal, on a page, in a metric.

    `Supervisor.status` returns it, `control.ask` brings it from another program, and
    `report.read_stopped` makes it where no supervisor runs (`report.look` chooses). Times are UTC;
    what is not known is null.
    """

    ts: datetime
    """When this was so."""
    session: str
    supervisor: Running = "running"
    """Whether a supervisor runs, see `Running`. Where none answered, the rest is what it wrote."""
    state: State
    substate: str | None
    """`online`, `degraded`, `reconnecting` in Connected, `linking` in Pairing, else null."""
    since: datetime | None = None
    """When it came into this state."""
    substate_since: datetime | None = None
    """When it came into this sub-state; null where there is none."""

    # What is marked PUBLIC in lifecycle.Session:
    reason: Reason | None
    """Why it is there; null while all is well."""
    cause: Reason | None
    """What went wrong last, where the reason only says that a budget ran out."""
    detail: str
    """The redacted particulars of the cause, for a person. They may quote others."""
    generation: int
    """The number of the newest session process."""
    bot_busy: bool
    """A handler of the bot has been at work for too long; what came since waits for it."""
    retries: int
    """Retries without a stable connection since."""
    not_before: datetime | None
    """No dial before this time: when the next attempt is made, if it lies ahead."""

    # What is said beside it:
    sentence: str | None
    """The reason in words."""
    who: Who = "nobody"
    """Who must act."""
    hints: tuple[Hint, ...] = ()
    """What to do about it, one after another; empty if it heals by itself."""
    ban_until: datetime | None = None
    """When a temporary ban is over."""

    process: ProcessState | None = None
    """The supervisor's own process."""
    client: ProcessState | None = None
    """The session process, with neonize and the bot; null while there is none."""
    versions: dict[str, str] = {}
    """Of `wa-supervisor`, `neonize`, `whatsmeow` and `python`."""
    device: Device = Device(paired=None, paired_at=None)
    pairing: PairingNow | None = None
    """Null but in Pairing."""
    budgets: dict[str, Spending] = {}
    """By the name of a `Budget`: `dials` in an hour, pairing `windows` in a day, `conflicts`,
    `bans`, `flaps`, `crashes`."""
    received: Received | None = None
    """What waits to be read, and what was refused; null where nothing is kept."""
    restricted_at: datetime | None = None
    """When WhatsApp last refused a message to a new contact (463); null if it never did."""

    ignored: int = 0
    """Facts that meant nothing where they came."""
    journal: str | None = None
    """Why steps cannot be recorded; null while they can."""
    notify: dict[str, str] = {}
    """Why nobody can be notified, by the channel that does not take it; empty while all do."""
    order: Literal["resume", "relink"] | None = None
    """What an operator left for the next supervisor to do first."""
    last_run: LastRun | None = None
    """How the last supervisor ended; null while one runs."""
    trouble: str | None = None
    """What could not be found out, and why; null if all was."""

    @classmethod
    def of(
        cls,
        session: Session,
        name: str,
        *,
        now: float,
        wall: datetime,
        policy: Policy | None = None,
        **beside: Unpack[Beside],
    ) -> Self:
        """Say how a session stands at `now` on the core's clock and `wall` on the world's."""
        policy = policy or Policy()
        who, hints = who_must_act(session)
        spent = {
            each.value: Spending.of(
                limit := policy.limit(each),
                times := session.spent.get(each, ()),
                now,
                time_of_day(limit.room_at(times, now), now=now, wall=wall),
            )
            for each in Budget
        }
        return cls(
            ts=wall,
            session=name,
            state=session.phase.state,
            substate=session.phase.substate,
            sentence=session.reason.explanation.sentence if session.reason else None,
            who=who,
            hints=hints,
            ban_until=time_of_day(session.ban_until, now=now, wall=wall),
            budgets=spent,
            **beside,
            **shown(session, now=now, wall=wall),
        )

    @computed_field  # type: ignore[prop-decorator] # as pydantic's manual has it, for mypy
    @property
    def summary(self) -> str:
        """How it stands, why, and when it dials next, in one line. Times are UTC."""
        state = self.state.value
        parts = [f"{state} ({self.substate})" if self.substate else state]
        if self.retries:
            parts.append(f"retry {self.retries}")
        if self.not_before is not None:
            parts.append(f"next dial {self.not_before:%Y-%m-%d %H:%M:%S} UTC")
        text = ", ".join(parts)
        if self.reason:
            text += f": {self.reason.value}"
        if self.sentence:
            text += f": {self.sentence}"
        return f"{text} (steps cannot be recorded: {self.journal})" if self.journal else text

    @property
    def advice(self) -> str:
        """What to do about it, as a phrase without a command; empty if it heals by itself."""
        return phrase(self.hints)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def needs_person(self) -> bool:
        """Whether nothing will get better before somebody acts."""
        return self.who != "nobody"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_ready(self) -> bool:
        """Whether messages are heard now: connected, and answered."""
        return self.supervisor == "running" and self.substate == "online"

    @property
    def uptime(self) -> timedelta | None:
        """How long the supervisor has been running."""
        began = self.process.started_at if self.process else None
        return self.ts - began if began else None

    def story(self, what: str) -> str:
        """Say where the session is, and why, and what that means for somebody."""
        where = f"{self.state.value}.{self.substate}" if self.substate else self.state.value
        why = f": {self.sentence}" if self.sentence else ""
        return f"session {self.session!r} is in {where}, and {what}{why}"


def people_first(statuses: Iterable[Status]) -> tuple[Status, ...]:
    """Put those that need a person first, and each part by name."""
    return tuple(sorted(statuses, key=lambda each: (not each.needs_person, each.session)))


def who_must_act(session: Session) -> tuple[Who, tuple[Hint, ...]]:
    """Say who can get the session on, and how."""
    if session.phase is Phase.PAIRING:
        return "phone", (Hint(Action.SCAN),)
    if session.reason is None:
        return "nobody", ()
    meaning = session.reason.explanation
    return _WHO[meaning.who], meaning.hints


_WHO: Mapping[explained.Who, Who] = {
    explained.Who.NOBODY: "nobody",
    explained.Who.OPERATOR: "operator",
    explained.Who.PHONE: "phone",
}


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
