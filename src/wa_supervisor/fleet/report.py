"""How a fleet stands: its workers, its sessions, and what waits for whom.

The command line, the page and the metrics show the same `FleetReport`. What a session's owner has
last said of it is only as true as the owner is alive: `owner_state` says which it is.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import computed_field

from ..hints import Action, Hint
from ..lifecycle import Reason, State
from ..redaction import redact
from ..status_parts import Part, Who
from .lease import DEAD_AFTER, HEARTBEAT_EVERY
from .placement import must_stay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..lifecycle.reasons import Explanation
    from .database import Connection, FleetDatabase, Row

WorkerState = Literal["alive", "late", "draining", "dead"]
"""What a worker is: `alive`, `late` (heartbeats are missing, and its lease has not run out yet),
`draining` (it hands its sessions over and takes no others), `dead` (others take its sessions)."""

LATE_AFTER: Final = 3 * HEARTBEAT_EVERY
"""Seconds without a heartbeat after which a worker is late: one lost and one slow are ordinary."""

_MEANINGS: Final = {each.value: each.explanation for each in Reason}
_NOBODY_YET: Final = "it waits for a worker to take it"


class WorkerReport(Part):
    """How a worker stands."""

    name: str
    state: WorkerState
    host: str
    pid: int
    version: str
    load: int
    """How many sessions it has."""
    capacity: int
    heartbeat_age: float | None
    """Seconds since the last heartbeat that Postgres has seen; null: there is none any more."""
    draining: bool
    """Whether it was told to hand its sessions over, or is about to end, be it dead by now."""
    stranded: int
    """Unread messages on its disk of sessions that others have now."""
    started_at: datetime
    died_at: datetime | None = None
    """When it was taken for dead; a day later it is forgotten, unless something is stranded."""

    @property
    def room(self) -> int:
        """How many sessions more it takes."""
        return max(0, self.capacity - self.load) if self.state in {"alive", "late"} else 0


class SessionReport(Part):
    """How a session of the fleet stands, as its owner has last said."""

    session: str
    owner: str | None
    """The worker that has it, or had it when it died."""
    owner_state: WorkerState | None
    """How that one stands; null: it has begun anew since, or there is none."""
    epoch: int
    """How many owners it has had."""
    claimed_at: datetime | None
    """Since when its owner has it."""
    state: str | None
    """The value of a `State`; null: no owner has said anything yet."""
    substate: str | None
    reason: str | None
    """The code of a `Reason`; a worker of a newer version may say one that is not known here."""
    sentence: str | None
    """The reason in words."""
    since: datetime | None
    """When it came into this state."""
    paired: bool | None
    who: Who
    """Who must act."""
    hints: tuple[Hint, ...]
    """What to do about it, one after another."""
    wanted_worker: str | None
    """Where an operator has ordered it to."""
    removed: bool
    """Whether it was removed, and has not been ended yet."""
    waits: str | None
    """Why nobody has it or what is to happen to it; null while all is as it should be."""
    stranded: int
    """Messages that wait unread on disks of workers which do not have it any more."""

    @computed_field  # type: ignore[prop-decorator] # as pydantic's manual has it, for mypy
    @property
    def is_ready(self) -> bool:
        """Whether messages are heard now: connected, and by a worker that lives."""
        return self.has_owner and self.substate == "online"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def needs_person(self) -> bool:
        """Whether nothing will get better before somebody acts."""
        return self.who != "nobody"

    @property
    def has_owner(self) -> bool:
        """Whether a worker that lives has it."""
        return self.owner_state not in {None, "dead"}


class Totals(Part):
    """What there is of everything."""

    workers: dict[str, int]
    """How many, by `WorkerState`."""
    sessions: dict[str, int]
    """How many, by their state; `unknown` of those of which nothing was said yet."""
    owned: int
    """Sessions that a worker which lives has."""
    ready: int
    """Sessions whose messages are heard now."""
    need_person: int
    capacity: int
    """How many sessions the workers that take any have room for, with those they have."""
    stranded: int
    """Messages that wait unread on disks of workers which do not have the session any more."""
    claims: int
    """How often a worker has taken a session: its first owner, moves and takeovers."""
    oldest_heartbeat: float | None
    """Seconds since the last heartbeat, of the worker that is behind most and is not dead yet."""


class FleetReport(Part):
    """How the whole fleet stands."""

    ts: datetime
    """When this was so, by Postgres' clock."""
    workers: tuple[WorkerReport, ...]
    """By name."""
    sessions: tuple[SessionReport, ...]
    """Those that need a person first, and each part by name."""
    holds: tuple[str, ...]
    """What keeps sessions from having a worker, such as that none has room."""
    totals: Totals


def report(database: FleetDatabase) -> FleetReport:
    """Read how a fleet stands. Raises as `FleetDatabase.transaction` does."""
    with database.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        workers = read_workers(connection)
        rows = connection.execute(_SESSIONS).fetchall()
        moment = connection.execute("SELECT now() AS ts").fetchone()
    assert moment is not None
    hold = _hold(workers)
    by_name = {each.name: each for each in workers}
    sessions = tuple(
        sorted(
            (_session(row, by_name, hold) for row in rows),
            key=lambda each: (not each.needs_person, each.session),
        )
    )
    return FleetReport(
        ts=moment["ts"],
        workers=workers,
        sessions=sessions,
        holds=(hold,) if hold and any(not each.has_owner for each in sessions) else (),
        totals=_totals(workers, sessions),
    )


def read_workers(connection: Connection) -> tuple[WorkerReport, ...]:
    """Read how the workers stand, by name."""
    return tuple(
        WorkerReport(state=_state(row["heartbeat_age"], draining=row["draining"]), **row)
        for row in connection.execute(_WORKERS).fetchall()
    )


_WORKERS: Final = """
WITH loads AS (SELECT worker, count(*) AS load FROM owners GROUP BY worker),
    lying AS (SELECT worker, sum(unread) AS stranded FROM stranded GROUP BY worker)
SELECT name, host, pid, version, capacity, draining OR stopping AS draining, started_at, died_at,
    CASE WHEN last_heartbeat IS NOT NULL
        THEN greatest(0, extract(epoch FROM now() - last_heartbeat))::float8
    END AS heartbeat_age,
    coalesce(load, 0) AS load, coalesce(stranded, 0) AS stranded
FROM workers LEFT JOIN procrastinate_workers ON procrastinate_workers.id = workers.engine_id
    LEFT JOIN loads ON loads.worker = name LEFT JOIN lying ON lying.worker = name
ORDER BY name
"""

_SESSIONS: Final = """
WITH lying AS (SELECT session, sum(unread) AS stranded FROM stranded GROUP BY session)
SELECT name AS session, epoch, worker AS owner, claimed_at, state, substate, reason, since, paired,
    coalesce(needs, 'nobody') AS who, wanted_worker, removed, trouble,
    coalesce(stranded, 0) AS stranded
FROM sessions JOIN owners ON owners.session = sessions.name
    LEFT JOIN lying ON lying.session = sessions.name
WHERE NOT removed OR worker IS NOT NULL
"""


def _state(heartbeat_age: float | None, *, draining: bool) -> WorkerState:
    if heartbeat_age is None or heartbeat_age >= DEAD_AFTER:
        return "dead"
    if heartbeat_age >= LATE_AFTER:
        return "late"
    return "draining" if draining else "alive"


def _hold(workers: Iterable[WorkerReport]) -> str | None:
    """Say why no worker would take a session; None if one would."""
    living = [each for each in workers if each.state != "dead"]
    taking = [each for each in living if not each.draining]
    if not living:
        return "no worker is alive"
    if not taking:
        return "every worker that is alive is draining"
    if not any(each.room for each in taking):
        return f"no worker has room: {sum(each.capacity for each in taking)} sessions are theirs"
    return None


def _session(row: Row, workers: Mapping[str, WorkerReport], hold: str | None) -> SessionReport:
    owner_state = _owner_state(row, workers)
    meaning = _MEANINGS.get(row["reason"])
    return SessionReport(
        **row
        | {
            "owner_state": owner_state,
            "sentence": meaning.sentence if meaning else None,
            "hints": _hints(row, meaning),
            "waits": _waits(row, owner_state, hold),
        }
    )


def _owner_state(row: Row, workers: Mapping[str, WorkerReport]) -> WorkerState | None:
    if row["owner"] is None:
        return None
    owner = workers.get(row["owner"])
    if owner is None:
        return "dead"
    claimed_at = row["claimed_at"]
    if claimed_at is not None and claimed_at < owner.started_at:
        return None  # it has begun anew since, with nothing: what it had said is over
    return owner.state


def _hints(row: Row, meaning: Explanation | None) -> tuple[Hint, ...]:
    """Say what to do, as `status.who_must_act` does."""
    if row["state"] == State.PAIRING.value:
        return (Hint(Action.SCAN),)
    return meaning.hints if meaning else ()


def _waits(row: Row, owner_state: WorkerState | None, hold: str | None) -> str | None:
    owner, wanted = row["owner"], row["wanted_worker"]
    if row["removed"]:
        return "it was removed, and is being ended"
    if owner_state is None:
        tried = f"it could not be begun, and is tried again: {row['trouble']}"
        return hold or (redact(tried) if row["trouble"] else _NOBODY_YET)
    if owner_state == "dead":
        return f"its worker {owner} is dead; {hold or 'another takes it over'}"
    if owner_state == "draining":
        stays = must_stay(row["state"], row["reason"])
        until = f"it stays until that ends, as {stays}" if stays else hold or "it is handed over"
        return f"its worker {owner} is draining; {until}"
    if wanted and wanted != owner:
        return f"it is to move to {wanted}"
    return None


def _totals(workers: tuple[WorkerReport, ...], sessions: tuple[SessionReport, ...]) -> Totals:
    living = [each for each in workers if each.state != "dead"]
    return Totals(
        workers=Counter(each.state for each in workers),
        sessions=Counter(each.state or "unknown" for each in sessions),
        owned=sum(each.has_owner for each in sessions),
        ready=sum(each.is_ready for each in sessions),
        need_person=sum(each.needs_person for each in sessions),
        capacity=sum(each.capacity for each in living if not each.draining),
        stranded=sum(each.stranded for each in sessions),
        claims=sum(each.epoch for each in sessions),
        oldest_heartbeat=max(
            (each.heartbeat_age for each in living if each.heartbeat_age is not None), default=None
        ),
    )
