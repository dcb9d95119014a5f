"""Rows as the workers of a fleet write them, for tests of those who read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wa_supervisor.fleet.database import FleetDatabase


def write_worker(
    database: FleetDatabase, name: str, *, age: float = 0.0, capacity: int = 10, **more: Any
) -> None:
    """Write a worker whose last heartbeat is so old."""
    row = {"host": f"host-of-{name}", "pid": 7, "version": "0.1.0", "draining": False} | more
    with database.transaction() as connection:
        engine = connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => %s)) RETURNING id",
            (age,),
        ).fetchone()
        assert engine is not None
        connection.execute(
            "INSERT INTO workers (name, engine_id, queue, host, pid, version, capacity, draining)"
            " VALUES (%(name)s, %(engine)s, 'worker:' || %(name)s, %(host)s, %(pid)s, %(version)s,"
            " %(capacity)s, %(draining)s)",
            row | {"name": name, "engine": engine["id"], "capacity": capacity},
        )


def claim(database: FleetDatabase, session: str, worker: str | None, **said: Any) -> None:
    """Write that a worker has a session, and what it says of it."""
    row = dict.fromkeys(("state", "substate", "reason", "since", "paired", "needs"))
    with database.transaction() as connection:
        connection.execute(
            "UPDATE owners SET epoch = epoch + 1, worker = %s, claimed_at = now()"
            " WHERE session = %s",
            (worker, session),
        )
        connection.execute(
            "UPDATE sessions SET state = %(state)s, substate = %(substate)s, reason = %(reason)s,"
            " since = %(since)s, paired = %(paired)s, needs = %(needs)s WHERE name = %(name)s",
            row | said | {"name": session},
        )
