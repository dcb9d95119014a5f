"""What the leader does each second, and whenever something has changed: it looks after all workers.

Any worker can be the leader; it is one until it has not looked for a while. All is one transaction:
rows are read, `decisions` says what is to be done, and that is done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from .copies import prune
from .decisions import Action, Drop, End, Give, JobRow, SessionRow, decide
from .engine import TASK
from .placement import Place, must_stay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .claims import Registration
    from .database import Connection, FleetDatabase, Row
    from .lease import Timing

log = logging.getLogger("wa_supervisor")

TICK_EVERY: Final = 1.0
"""Seconds between two looks of the leader."""
LAPSES_AFTER: Final = 2.5 * TICK_EVERY
"""Seconds after which another worker leads, if the leader has not looked."""
GATHERS: Final = 3
"""Heartbeats for which nothing is placed after nobody could look for so long that every lease has
ended: the first worker that is back would get all that it has room for, and the others nothing. A
new fleet has nothing to come back to."""

_LEAD: Final = """
UPDATE leader SET engine_id = %(engine)s, ticked_at = now(), places_from = CASE
    WHEN ticked_at > '-infinity' AND ticked_at < now() - make_interval(secs => %(dead)s)
    THEN now() + make_interval(secs => %(gathers)s) ELSE places_from END
WHERE only_row IN (
    SELECT only_row FROM leader WHERE engine_id = %(engine)s OR engine_id IS NULL
    OR ticked_at < now() - make_interval(secs => %(lapses)s)
    FOR UPDATE SKIP LOCKED
) AND EXISTS (SELECT FROM workers WHERE engine_id = %(engine)s AND NOT stopping)
RETURNING places_from > now() AS gathers
"""
# A heartbeat that comes at the same time is either in time, and keeps the worker alive, or finds
# its row gone: its worker then knows. Its jobs lose their worker_id by the foreign key.
_BURY: Final = """
WITH dead AS (
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < now() - make_interval(secs => %s) RETURNING id
)
UPDATE workers SET died_at = now() FROM dead WHERE engine_id = id RETURNING name
"""
# One statement, as each is a way to Postgres and back. Whoever died with a session that was removed
# since will never say that it has ended it. Pods have another name each time: what is said of a
# dead worker is no use for ever. And what is ordered to one would be carried out when one of its
# name comes, be it in a year; only after an outage it may be about to be back.
_TIDY: Final = """
WITH forgotten AS (
    DELETE FROM workers WHERE died_at < now() - interval '1 day'
    AND NOT EXISTS (SELECT FROM owners WHERE owners.worker = workers.name)
    AND NOT EXISTS (SELECT FROM stranded WHERE stranded.worker = workers.name)
), disowned AS (
    UPDATE owners SET worker = NULL FROM sessions
    WHERE name = session AND removed AND worker IS NOT NULL AND NOT EXISTS (
        SELECT FROM procrastinate_jobs WHERE lock = session AND status IN ('todo', 'doing')
    )
)
UPDATE sessions SET wanted_worker = NULL
WHERE NOT %(gathers)s AND wanted_worker IS NOT NULL AND NOT EXISTS (
    SELECT FROM workers JOIN procrastinate_workers ON procrastinate_workers.id = engine_id
    WHERE workers.name = wanted_worker
) RETURNING name
"""
_PLACES: Final = """
SELECT name, capacity, draining OR stopping AS draining, (
    SELECT count(*) FROM procrastinate_jobs WHERE queue_name = workers.queue
    AND (status = 'todo' OR status = 'doing' AND worker_id = workers.engine_id)
) AS load
FROM workers JOIN procrastinate_workers ON procrastinate_workers.id = engine_id
"""
# Left out are the sessions that run where they may, as almost all do.
_ROWS: Final = """
WITH living AS (
    SELECT name, queue, engine_id, draining OR stopping AS draining
    FROM workers JOIN procrastinate_workers ON procrastinate_workers.id = engine_id
), jobs AS (
    SELECT id, lock AS session, queue_name, status = 'doing' AS running,
        abort_requested AS ending, worker_id
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name = %s
)
SELECT coalesce(sessions.name, jobs.session) AS session,
    sessions.name IS NULL OR removed AS removed,
    wanted_worker, owners.worker AS last, state, reason,
    coalesce(retry_at > now(), false) AS waits, coalesce(failed_on, '{}') AS failed_on,
    jobs.id, jobs.running, jobs.ending, living.name AS worker
FROM sessions FULL JOIN jobs ON jobs.session = sessions.name
LEFT JOIN owners ON owners.session = sessions.name
LEFT JOIN living ON living.queue = jobs.queue_name
    AND (NOT jobs.running OR jobs.worker_id = living.engine_id)
WHERE (jobs.id IS NOT NULL OR NOT removed)
    AND NOT coalesce(
        jobs.running AND NOT jobs.ending AND NOT removed AND wanted_worker IS NULL
        AND NOT living.draining, false
    )
"""
_DROP: Final = """
WITH dropped AS MATERIALIZED (
    SELECT id, lock FROM procrastinate_jobs WHERE id = ANY(%s)
    AND (status = 'todo' OR worker_id IS NULL
        OR NOT EXISTS (SELECT FROM workers WHERE engine_id = worker_id))
    FOR UPDATE
)
SELECT lock, procrastinate_finish_job_v1(id, 'aborted', true) FROM dropped
"""
_END: Final = "SELECT procrastinate_cancel_job_v1(id, true, false) FROM unnest(%s::bigint[]) AS id"
_GIVE: Final = """
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW(queue, %s, 0, session, session, jsonb_build_object('session', session), NULL)
    ::procrastinate_job_to_defer_v1
))
FROM unnest(%s::text[], %s::text[]) AS given (session, worker) JOIN workers ON name = worker
HAVING count(*) > 0
"""


def tick(database: FleetDatabase, here: Registration, timing: Timing) -> list[Action]:
    """Look after the fleet, if this worker leads; return what was done.

    Blocks for a short time, and is called in a worker thread. Raises as
    `FleetDatabase.transaction` does; nothing was done then.
    """
    with database.transaction() as connection:
        leads = connection.execute(
            _LEAD,
            {
                "engine": here.engine_id,
                "lapses": LAPSES_AFTER,
                "dead": timing.dead_after + TICK_EVERY,
                "gathers": GATHERS * timing.heartbeat_every,
            },
        ).fetchone()
        if leads is None:
            return []
        dead = connection.execute(_BURY, (timing.dead_after,)).fetchall()
        void = connection.execute(_TIDY, {"gathers": leads["gathers"]}).fetchall()
        prune(connection)
        places = [_place(row) for row in connection.execute(_PLACES).fetchall()]
        rows = connection.execute(_ROWS, (TASK,)).fetchall()
        sessions = _sessions(rows, all_wait=leads["gathers"])
        actions = decide(sessions, _jobs(rows), places)
        _carry_out(connection, actions)
    for row in dead:
        log.warning("worker %s is dead: others take its sessions", row["name"])
    for row in void:
        log.warning("%s is not moved: the worker to which it was ordered has gone", row["name"])
    return actions


def _place(row: Row) -> Place:
    return Place(row["name"], row["capacity"], row["load"], row["draining"])


def _sessions(rows: Iterable[Row], *, all_wait: bool) -> list[SessionRow]:
    found = {
        row["session"]: SessionRow(
            row["session"],
            removed=row["removed"],
            wanted=row["wanted_worker"],
            last=row["last"],
            stays=must_stay(row["state"], row["reason"]) is not None,
            waits=row["waits"] or all_wait,
            failed_on=tuple(row["failed_on"]),
        )
        for row in rows
    }
    return list(found.values())


def _jobs(rows: Iterable[Row]) -> list[JobRow]:
    return [
        JobRow(row["id"], row["session"], row["worker"], row["running"], row["ending"])
        for row in rows
        if row["id"] is not None
    ]


def _carry_out(connection: Connection, actions: list[Action]) -> None:
    drops = {each.job: each.session for each in actions if isinstance(each, Drop)}
    ends = [each.job for each in actions if isinstance(each, End)]
    gives = [each for each in actions if isinstance(each, Give)]
    begun_meanwhile: set[str] = set()
    if drops:
        rows = connection.execute(_DROP, (list(drops),)).fetchall()
        begun_meanwhile = set(drops.values()) - {row["lock"] for row in rows}
    if ends:
        connection.execute(_END, (ends,))
    gives = [each for each in gives if each.session not in begun_meanwhile]
    if gives:
        parameters: tuple[Any, ...] = (
            TASK,
            [each.session for each in gives],
            [each.worker for each in gives],
        )
        connection.execute(_GIVE, parameters)
