"""What an operator orders of a fleet: rows that the workers follow, and a word that wakes them.

Nothing here waits for an order to be carried out; `report.report` shows how far it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb
from pydantic import SecretStr

from ..errors import ConfigError
from ..hints import Hint
from ..setting_words import did_you_mean
from ..settings import Settings
from ..store.layout import validate_name
from .errors import AlreadyAdded, NoSuchSession, NoSuchWorker, NotMovable, WorkerUnusable
from .placement import Place, must_stay, place
from .report import read_workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .database import Connection, FleetDatabase, Row
    from .report import WorkerReport

CHANNEL: Final = "wa_fleet"
"""Where the workers listen for orders."""

WORKERS_OWN: Final = frozenset({"session", "data_dir", "database", "web"})
"""The settings of a session that the worker which has it decides, apart from most of `fleet`."""
_FLEET_KEPT: Final = frozenset({"inbox"})


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a session was ordered to."""

    session: str
    from_worker: str | None
    to_worker: str


def sessions_own(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a session's settings what the worker which has it decides."""
    own = {name: value for name, value in settings.items() if name not in WORKERS_OWN}
    fleet = {name: own["fleet"][name] for name in _FLEET_KEPT & own.get("fleet", {}).keys()}
    return {name: value for name, value in own.items() if name != "fleet"} | (
        {"fleet": fleet} if fleet else {}
    )


def add(
    database: FleetDatabase, name: str, settings: Mapping[str, Any], *, replace: bool = False
) -> None:
    """Add a session, to be run by a worker that has room; one that was removed comes back.

    `settings` is nested like `Settings`. With `replace` a session that there is already gets them,
    which hold from its next start on. Raises ConfigError if they are wrong or one is not the
    session's to decide, see `sessions_own`; AlreadyAdded if there is one of that name.
    """
    if theirs := sorted(set(settings) - set(sessions_own(settings))):
        raise ConfigError(
            f"{', '.join(theirs)}: the worker that has the session decides this",
            hint="leave it out; a worker has its own settings",
        )
    Settings(**{**settings, "session": validate_name(name)})
    kept = Jsonb(dict(settings), dumps=partial(json.dumps, default=_plain))
    with database.transaction() as connection:
        found = connection.execute(
            "SELECT removed FROM sessions WHERE name = %s FOR UPDATE", (name,)
        ).fetchone()
        if found is not None and not found["removed"] and not replace:
            raise AlreadyAdded(
                f"the fleet has a session {name!r} already",
                hint="say that they are to be replaced, if it is to get other settings",
            )
        connection.execute(
            "INSERT INTO sessions (name, settings) VALUES (%s, %s)"
            " ON CONFLICT (name) DO UPDATE"
            " SET settings = excluded.settings, removed = false, retry_at = NULL",
            (name, kept),
        )
        connection.execute(
            "INSERT INTO owners (session) VALUES (%s) ON CONFLICT DO NOTHING", (name,)
        )
        _wake(connection)


def remove(database: FleetDatabase, name: str) -> None:
    """Have a session ended where it runs; its keys stay. Raises NoSuchSession."""
    with database.transaction() as connection:
        _session(connection, name)
        connection.execute(
            "UPDATE sessions SET removed = true, wanted_worker = NULL WHERE name = %s", (name,)
        )
        _wake(connection)


def move(database: FleetDatabase, name: str, worker: str | None = None) -> Moved:
    """Have a session go to a worker, or to whichever other one is least full.

    Raises NoSuchSession, NoSuchWorker, NotMovable if the session is pairing or banned, and
    WorkerUnusable if the worker is dead, draining or full, or no other takes it.
    """
    with database.transaction() as connection:
        session = _session(connection, name)
        owner = session["worker"]
        workers = read_workers(connection)
        if worker != owner:
            _check_movable(name, session, workers)
        to = _least_full(workers, name, owner) if worker is None else _find(workers, worker)
        if to.name != owner:
            _check_takes(to)
        connection.execute(
            "UPDATE sessions SET wanted_worker = %s WHERE name = %s",
            (to.name if to.name != owner else None, name),
        )
        _wake(connection)
    return Moved(name, owner, to.name)


def drain(database: FleetDatabase, worker: str, *, undo: bool = False) -> int:
    """Have a worker hand its sessions over and take no others; `undo` has it take some again.

    Returns how many sessions it has. Raises NoSuchWorker, WorkerUnusable if it is dead.
    """
    with database.transaction() as connection:
        found = _find(read_workers(connection), worker)
        if found.state == "dead" and not undo:
            raise WorkerUnusable(
                f"the worker {worker!r} is dead: others take its sessions over by themselves"
            )
        connection.execute("UPDATE workers SET draining = %s WHERE name = %s", (not undo, worker))
        _wake(connection)
    return found.load


def check_known(database: FleetDatabase, name: str) -> None:
    """See that the fleet has, or had, a session of that name. Raises NoSuchSession."""
    with database.transaction() as connection:
        if not connection.execute("SELECT 1 FROM sessions WHERE name = %s", (name,)).fetchone():
            raise _no_such(connection, name)


def _session(connection: Connection, name: str) -> Row:
    """Lock a session's row. Raises NoSuchSession."""
    found = connection.execute(
        "SELECT state, reason, worker FROM sessions JOIN owners ON owners.session = sessions.name"
        " WHERE name = %s AND NOT removed FOR UPDATE OF sessions",
        (name,),
    ).fetchone()
    if found is None:
        raise _no_such(connection, name)
    return found


def _no_such(connection: Connection, name: str) -> NoSuchSession:
    rows = connection.execute("SELECT name FROM sessions WHERE NOT removed").fetchall()
    guess = did_you_mean(name, [row["name"] for row in rows])
    return NoSuchSession(
        f"the fleet has no session {name!r}", hint=Hint(note=guess.strip()) if guess else None
    )


def _find(workers: Iterable[WorkerReport], name: str) -> WorkerReport:
    known = {each.name: each for each in workers}
    if name not in known:
        guess = did_you_mean(name, known)
        names = ", ".join(known) or "none"
        raise NoSuchWorker(f"the fleet has no worker {name!r}", hint=f"{guess}its workers: {names}")
    return known[name]


def _least_full(workers: Iterable[WorkerReport], name: str, owner: str | None) -> WorkerReport:
    others = {each.name: each for each in workers if each.name != owner and each.room}
    found = place([name], (Place(each.name, each.capacity, each.load) for each in others.values()))
    if name not in found:
        raise WorkerUnusable(
            "no other worker takes the session: each is dead, draining or full",
            hint="start another worker, or raise `fleet.capacity` of one",
        )
    return others[found[name]]


def _check_movable(name: str, session: Row, workers: Iterable[WorkerReport]) -> None:
    why = must_stay(session["state"], session["reason"])
    lives = any(each.name == session["worker"] and each.state != "dead" for each in workers)
    if why and lives:
        raise NotMovable(
            f"the session {name!r} stays where it is: {why}",
            hint="wait until that is over; if its worker dies it goes elsewhere all the same",
        )


def _check_takes(worker: WorkerReport) -> None:
    if worker.room:
        return
    why = "full" if worker.state in {"alive", "late"} else worker.state
    raise WorkerUnusable(
        f"the worker {worker.name!r} takes no session: it is {why}",
        hint=f"raise its `fleet.capacity`, now {worker.capacity}" if why == "full" else None,
    )


def _wake(connection: Connection) -> None:
    """Have the workers look at once: it is sent when the transaction is committed."""
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _plain(value: object) -> object:
    """Write as JSON what settings made in code may hold."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise ConfigError(f"a setting is a {type(value).__name__}, which cannot be kept as JSON")
