"""The engine (procrastinate on Postgres) as a worker of the fleet uses it.

A job is one worker's right and duty to run a session, and is used once: when it ends it is deleted,
and the next tick makes another one if the session is to run on. Postgres itself sees to it that no
session has two jobs that run (`procrastinate_jobs_lock_idx_v1`).

As it comes, the engine stops a worker whenever one of its queries fails. Here a failed query is
tried again, as the lease alone says for how long Postgres may be away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager, NotificationCallback, get_channel_for_queues
from procrastinate.worker import Worker
from psycopg_pool import AsyncConnectionPool

from .claims import CHANNEL, Registration, queue_of
from .database import CONNECTIONS, WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from procrastinate.jobs import Job, Status

    from .database import FleetDatabase

log = logging.getLogger("wa_supervisor")

TASK: Final = "supervise"
"""The name of the engine's one task."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks for jobs: a notice of one can be lost."""

_FINISH: Final = """
WITH mine AS MATERIALIZED (
    SELECT id FROM procrastinate_jobs
    WHERE id = %(job)s AND status = 'doing' AND worker_id = %(worker)s FOR UPDATE
)
SELECT procrastinate_finish_job_v1(id, %(status)s::procrastinate_job_status, true),
    pg_notify(%(channel)s, '')
FROM mine
"""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the engine asks and tells a worker."""

    run_job: Callable[[str, int], Awaitable[None]]
    """Runs a session by its name, in the job of this number."""
    takes_jobs: Callable[[], bool]
    """Whether the worker takes more sessions."""
    lease_holds: Callable[[], bool]
    """Whether it is of use to try on."""
    on_news: Callable[[str], None]
    """Is called with what anybody says on the fleet's channel, see `claims.CHANNEL`."""


class Engine(Protocol):
    """The engine's worker."""

    async def run(self) -> None:
        """Take jobs and run them until `stop`, then cancel those that run."""

    def stop(self) -> None:
        """Have `run` return."""


class Jobs(JobManager):
    """The engine's way to Postgres, for one registration of a worker."""

    def __init__(
        self, connector: PsycopgConnector, here: Registration, callbacks: Callbacks
    ) -> None:
        super().__init__(connector)
        self._here = here
        self._callbacks = callbacks
        self._refused: type[psycopg.Error] | None = None

    async def register_worker(self) -> int:
        """Return the number under which the worker registered itself, see `claims.register`."""
        return self._here.engine_id

    async def unregister_worker(self, worker_id: int) -> None:
        """Do nothing: the worker does, when nothing of its sessions is left."""

    async def update_heartbeat(self, worker_id: int) -> None:
        """Do nothing: see `heartbeat`."""

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Do nothing: the leader takes workers for dead, see `tick`."""
        del seconds_since_heartbeat
        return []

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take a job; None if there is none, or Postgres is away."""
        if not self._callbacks.takes_jobs():
            return None
        try:
            found = await super().fetch_job(queues, worker_id)
        except ConnectorException as error:
            self._note(error.__cause__)
            return None
        self._refused = None
        return found

    def _note(self, cause: BaseException | None) -> None:
        """Say once why Postgres refuses; that it is away the heartbeat says."""
        if isinstance(cause, psycopg.Error) and not isinstance(cause, psycopg.OperationalError):
            if self._refused is not type(cause):
                log.error("Postgres refuses to give jobs: %s", type(cause).__name__)
            self._refused = type(cause)

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> Iterable[int]:
        """Return the jobs that were asked to end; none while Postgres is away."""
        try:
            return await super().list_jobs_to_abort_async(queue)
        except ConnectorException:
            return []

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - the engine's
        """Delete a job that has ended, unless it was taken from us, and have the leader look.

        Tried for as long as the lease holds: after that the leader does it.
        """
        del delete_job
        while self._callbacks.lease_holds():
            try:
                await self.connector.execute_query_all_async(
                    _FINISH,
                    job=job.id,
                    worker=self._here.engine_id,
                    status=status.value,
                    channel=CHANNEL,
                )
            except ConnectorException:
                await asyncio.sleep(LOOK_EVERY)
            else:
                return

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Listen to what the engine and operators say, for ever."""
        channels = [*get_channel_for_queues(queues), CHANNEL]

        async def hand_on(channel: str, payload: str) -> None:
            if channel == CHANNEL:
                self._callbacks.on_news(payload)
            else:
                await on_notification(channel=channel, notification=json.loads(payload))

        while True:
            with contextlib.suppress(ConnectorException):
                await self.connector.listen_notify(on_notification=hand_on, channels=channels)
            await asyncio.sleep(LOOK_EVERY)


@contextlib.asynccontextmanager
async def engine(
    database: FleetDatabase, here: Registration, callbacks: Callbacks, *, capacity: int
) -> AsyncIterator[Engine]:
    """Make the engine's worker, which runs so many sessions at most."""
    quiet()
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        database.conninfo,
        kwargs={"prepare_threshold": None},
        min_size=1,
        max_size=CONNECTIONS,
        timeout=WAIT_SECONDS,
        reconnect_timeout=WAIT_SECONDS,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    connector = PsycopgConnector()
    app = App(connector=connector)
    app.job_manager = Jobs(connector, here, callbacks)

    @app.task(name=TASK, pass_context=True)
    async def supervise(context: JobContext, session: str) -> None:
        assert context.job.id is not None
        await callbacks.run_job(session, context.job.id)

    await pool.open(wait=False)
    try:
        await app.open_async(pool)
        yield Worker(
            app=app,
            queues=[queue_of(here.worker)],
            name=here.worker,
            concurrency=capacity,
            fetch_job_polling_interval=LOOK_EVERY,
            abort_job_polling_interval=LOOK_EVERY,
            shutdown_graceful_timeout=0,
            install_signal_handlers=False,
        )
    finally:
        await pool.close(timeout=WAIT_SECONDS)


def quiet() -> None:
    """Have the engine and its driver say only what is wrong, unless the program says otherwise.

    They log each job, and each attempt to connect while Postgres is away.
    """
    for name, level in (("procrastinate", logging.WARNING), ("psycopg", logging.ERROR)):
        logger = logging.getLogger(name)
        if logger.level in {logging.NOTSET, logging.WARNING}:  # the driver's own is a warning
            logger.setLevel(level)
