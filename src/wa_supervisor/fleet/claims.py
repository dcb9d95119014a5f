"""What workers write about themselves and their sessions in the fleet's tables.

Each function is one transaction that blocks for a short time, and is called in a worker thread.
All raise as `FleetDatabase.transaction` does.
"""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import LockHeld
from ..versions import versions
from .ownership import Ownership

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .database import Connection, FleetDatabase
    from .lease import Timing

CHANNEL: Final = "wa_fleet"
"""Who changes a row that the leader goes by notifies this channel."""

HANDED_OVER: Final = "handed over "
"""What a notice of that channel begins with that is for a session's owner: its name follows."""

_LONGEST: Final = 30
"""Bytes of a queue's name: Postgres names a channel after it, in 63 bytes with the engine's own."""


def queue_of(worker: str) -> str:
    """Return the queue of the jobs that are for a worker."""
    name = f"worker:{worker}"
    if len(name.encode()) <= _LONGEST:
        return name
    return f"worker:{hashlib.sha256(worker.encode()).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True)
class Registration:
    """A worker as Postgres knows it, until its lease ends."""

    worker: str
    engine_id: int
    """Its row in procrastinate_workers, whose heartbeat is the lease."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A session that is this worker's now."""

    ownership: Ownership
    settings: Mapping[str, Any]
    """What was given for it when it was added."""


def register(
    database: FleetDatabase,
    worker: str,
    *,
    capacity: int,
    timing: Timing,
    former: int | None = None,
) -> Registration:
    """Make the worker known, with a heartbeat of now; its capacity is in sessions.

    `former` is the registration that this very process had before, by its `engine_id`.

    Raises LockHeld if a worker of that name lives, or did a moment ago.
    """
    with database.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"worker {worker}",))
        lives = connection.execute(
            "SELECT engine_id, host, pid FROM workers JOIN procrastinate_workers ON id = engine_id"
            " WHERE name = %s AND engine_id IS DISTINCT FROM %s"
            " AND last_heartbeat > now() - make_interval(secs => %s)",
            (worker, former, timing.dead_after),
        ).fetchone()
        if lives is not None:
            raise LockHeld(
                f"a worker named {worker!r} lives already: process {lives['pid']} on "
                f"{lives['host']}; give each worker a name of its own"
            )
        connection.execute(
            "DELETE FROM procrastinate_workers WHERE id = %s"
            " OR id IN (SELECT engine_id FROM workers WHERE name = %s)",
            (former, worker),
        )
        row = connection.execute(
            "INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO workers (name, engine_id, queue, host, pid, version, capacity)"
            " VALUES (%(name)s, %(engine)s, %(queue)s, %(host)s, %(pid)s, %(version)s,"
            " %(capacity)s)"
            " ON CONFLICT (name) DO UPDATE SET engine_id = excluded.engine_id,"
            " host = excluded.host, pid = excluded.pid, version = excluded.version,"
            " capacity = excluded.capacity, stopping = false, started_at = now(), died_at = NULL",
            {
                "name": worker,
                "engine": row["id"],
                "queue": queue_of(worker),
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": versions()["wa-supervisor"],
                "capacity": capacity,
            },
        )
        _resign(connection, former)
        _notify(connection)
        return Registration(worker, row["id"])


def stop_taking(database: FleetDatabase, here: Registration) -> None:
    """Say that the worker takes no more sessions, as it is about to end."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE workers SET stopping = true WHERE engine_id = %s", (here.engine_id,)
        )
        _resign(connection, here.engine_id)
        _notify(connection)


def unregister(database: FleetDatabase, here: Registration) -> None:
    """Take the worker out of the fleet; what it still had is placed elsewhere at once."""
    with database.transaction() as connection:
        connection.execute("DELETE FROM workers WHERE engine_id = %s", (here.engine_id,))
        connection.execute("DELETE FROM procrastinate_workers WHERE id = %s", (here.engine_id,))
        _resign(connection, here.engine_id)
        _notify(connection)


def claim(database: FleetDatabase, here: Registration, session: str, timing: Timing) -> Claim:
    """Make a session this worker's: from now on no write of an owner before is taken.

    Raises LockHeld if this worker's lease has ended, or the session is to run nowhere.
    """
    with database.transaction() as connection:
        _prove_lease(connection, here, timing)
        # One that was cut off in the middle of a write would keep us waiting for its row. Its name
        # is that of `session_url.application_name`.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name ="
            " left('wa-session ' || split_part(application_name, ' ', 2) || ' ' || %s, 63)",
            (session,),
        )
        row = connection.execute(
            "UPDATE owners SET epoch = epoch + 1, worker = %s, claimed_at = now()"
            " FROM sessions WHERE session = %s AND name = session AND NOT removed"
            " RETURNING epoch, settings",
            (here.worker, session),
        ).fetchone()
        if row is None:
            raise LockHeld(f"the session {session!r} was removed from the fleet")
        connection.execute(
            "UPDATE sessions SET trouble = NULL, retry_at = NULL,"
            " wanted_worker = nullif(wanted_worker, %s) WHERE name = %s",
            (here.worker, session),
        )
        return Claim(Ownership(session, here.worker, row["epoch"]), row["settings"])


def release(database: FleetDatabase, ownership: Ownership) -> None:
    """Say that nobody has the session, unless another has it already."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE owners SET worker = NULL WHERE session = %s AND epoch = %s",
            (ownership.session, ownership.epoch),
        )


def put_off(
    database: FleetDatabase, here: Registration, session: str, trouble: str, seconds: float
) -> None:
    """Say why a session could not be begun here, and have nobody try for so long."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE sessions SET trouble = %s, retry_at = now() + make_interval(secs => %s),"
            " failed_on = array_append(array_remove(failed_on, %s), %s) WHERE name = %s",
            (trouble, seconds, here.worker, here.worker, session),
        )


def limit_capacity(database: FleetDatabase, here: Registration, capacity: int) -> None:
    """Say that the machine has room for fewer sessions than was thought."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE workers SET capacity = least(capacity, greatest(1, %s)) WHERE engine_id = %s",
            (capacity, here.engine_id),
        )


def take_turn(
    database: FleetDatabase, here: Registration, ownership: Ownership, timing: Timing
) -> float:
    """Prove that a session is this worker's, and return in how many seconds it may dial.

    The turns of the whole fleet are `pace.apart` apart. Raises LockHeld if the session is not this
    worker's any more.
    """
    with database.as_owner(ownership) as connection:
        _prove_lease(connection, here, timing)
        row = connection.execute(
            "UPDATE pace SET next_at = greatest(next_at, now()) + apart"
            " RETURNING extract(epoch FROM next_at - apart - now())::float8 AS left"
        ).fetchone()
        return max(0.0, row["left"]) if row is not None else 0.0


def drop_strays(database: FleetDatabase, here: Registration, jobs: Collection[int]) -> None:
    """Delete jobs of this worker that it does not run.

    If the connection is cut as the engine fetches a job, that one is begun and nobody runs it.
    """
    with database.transaction() as connection:
        connection.execute(
            "WITH stray AS MATERIALIZED (SELECT id FROM procrastinate_jobs"
            " WHERE worker_id = %s AND status = 'doing' AND id = ANY(%s) FOR UPDATE)"
            " SELECT procrastinate_finish_job_v1(id, 'aborted', true) FROM stray",
            (here.engine_id, list(jobs)),
        )
        _notify(connection)


def jobs_begun(database: FleetDatabase, here: Registration) -> set[int]:
    """Return the jobs that the engine takes this worker to run."""
    with database.transaction() as connection:
        rows = connection.execute(
            "SELECT id FROM procrastinate_jobs WHERE worker_id = %s AND status = 'doing'",
            (here.engine_id,),
        ).fetchall()
        return {row["id"] for row in rows}


def announce(connection: Connection, session: str) -> None:
    """Have a session's owner look for what was handed over to it, in the caller's transaction."""
    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, HANDED_OVER + session))


def _prove_lease(connection: Connection, here: Registration, timing: Timing) -> None:
    proof = connection.execute(
        "SELECT 1 FROM procrastinate_workers WHERE id = %s"
        " AND last_heartbeat > now() - make_interval(secs => %s)",
        (here.engine_id, timing.lasts),
    ).fetchone()
    if proof is None:
        raise LockHeld(f"the lease of the worker {here.worker!r} has ended")


def _resign(connection: Connection, engine_id: int | None) -> None:
    """Have another lead at once, if that one does."""
    connection.execute("UPDATE leader SET engine_id = NULL WHERE engine_id = %s", (engine_id,))


def _notify(connection: Connection) -> None:
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
