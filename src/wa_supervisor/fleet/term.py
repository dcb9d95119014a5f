"""A worker's time from one registration to the end of its lease, or to its stop.

Everything in it ends with it: its sessions, its engine, its heartbeat. A worker that has lost its
lease begins with nothing, as a new one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any, Final

from ..errors import LockHeld, StoreError, SupervisorError
from ..multi import Sessions
from ..settings import Settings
from ..supervisor import LEAVING_BOUND
from . import claims
from .engine import Callbacks, engine
from .heartbeat import Heartbeat
from .lease import Lease
from .patience import PatientWay
from .session_job import SessionJob
from .stranded import LOOK_EVERY, Stranded
from .surroundings import Surroundings
from .tick import TICK_EVERY, tick

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from .claims import Registration
    from .database import FleetDatabase
    from .engine import Engine
    from .surroundings import Plan

log = logging.getLogger("wa_supervisor")

LEASE_LOOKS: Final = 0.25
"""Seconds between two looks whether the lease has ended: timers stand while the machine is
suspended, and others may have taken this worker for dead."""
STRAYS_EVERY: Final = 5.0
"""Seconds between two looks for jobs that the engine takes this worker to run."""
SOONEST_TICK: Final = 0.05
"""Seconds between two ticks at least, however much changes."""
DRAIN_LOOKS: Final = 0.5
"""Seconds between two looks whether a session that pairs has done so."""
ENGINE_BOUND: Final = 3.0
"""Seconds for the engine once all sessions have ended."""


class Term:
    """One registration of a worker, and what lives by it."""

    def __init__(
        self,
        plan: Plan,
        database: FleetDatabase,
        here: Registration,
        lease: Lease,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._around = Surroundings(
            plan=plan,
            database=database,
            here=here,
            lease=lease,
            sessions=Sessions(permit=self._permit, link=plan.link),
            stranded=Stranded(database, plan.name, plan.data_dir),
            patient_way=PatientWay(database.url),
            threads=threads,
        )
        self._jobs: dict[str, SessionJob] = {}
        self._takes_jobs = True
        self._news = asyncio.Event()
        self._lost = asyncio.Event()

    @property
    def sessions(self) -> Sessions:
        """The sessions that are here now."""
        return self._around.sessions

    @property
    def holds(self) -> bool:
        """Whether the sessions are this worker's still."""
        return self._around.holds

    async def run(self, stopping: asyncio.Event) -> None:
        """Run sessions until the lease ends, or hand them over and end once `stopping` is set."""
        heartbeat = Heartbeat(
            self._around.database,
            self._around.here,
            self._around.lease,
            clock=self._around.plan.clock,
            renewed=self._renew,
        )
        self._renew()
        callbacks = Callbacks(self._run_job, self._may_take, lambda: self.holds, self._hear)
        async with contextlib.AsyncExitStack() as stack:
            # The lease is kept up, and its end is acted on, until nothing of a session lives here.
            await stack.enter_async_context(_running(heartbeat.run(), self._guard()))
            await stack.enter_async_context(self._around.patient_way)
            await stack.enter_async_context(self.sessions)
            made = await stack.enter_async_context(
                engine(
                    self._around.database,
                    self._around.here,
                    callbacks,
                    capacity=self._around.plan.capacity,
                )
            )
            await stack.enter_async_context(
                _running(
                    self._lead(),
                    self._look_for_strays(),
                    self._look_for_stranded(),
                    self._prestart(),
                )
            )
            running = asyncio.create_task(made.run(), name="engine")
            try:
                await self._until_over(running, stopping)
                if stopping.is_set() and self.holds:
                    await self._drain()
            finally:
                self._takes_jobs = False
                await self._end(made, running)

    # -- the lease

    def _renew(self) -> None:
        """Let the session processes live as long as the lease, should this program be frozen."""
        self.sessions.renew(self._around.lease.ends_at)

    async def _guard(self) -> None:
        """Kill every session process at the end of the lease, whatever else goes on."""
        while self.holds:
            left = self._around.lease.ends_at - self._around.plan.clock()
            await asyncio.sleep(min(max(left, 0.0), LEASE_LOOKS))
        self._takes_jobs = False
        self.sessions.kill()
        self._lost.set()
        log.error(
            "the lease of worker %s has ended: its %d sessions were killed, as others may have "
            "them now",
            self._around.here.worker,
            len(self.sessions),
        )

    async def _permit(self, session: str) -> None:
        """Return once a session may dial: it is proved to be this worker's, and it is its turn.

        Raises StoreError.
        """
        job = self._jobs.get(session)
        if job is None or job.ownership is None or not self._takes_jobs:
            raise LockHeld("this worker takes no more sessions")
        left = await self._around.ask(
            claims.take_turn,
            job.ownership,
            self._around.plan.timing,
        )
        await asyncio.sleep(left)
        if not self.holds:
            raise LockHeld("the worker's lease has ended")

    # -- the engine

    def _hear(self, news: str) -> None:
        """Look after the fleet, or have a session look for what was handed over to it."""
        session = news.removeprefix(claims.HANDED_OVER)
        if session == news:
            self._news.set()
        elif job := self._jobs.get(session):
            job.look_for_messages()

    def _may_take(self) -> bool:
        return self._takes_jobs and self.holds

    async def _run_job(self, session: str, number: int) -> None:
        former = self._jobs.get(session)
        if former is not None:
            former.end()
            await former.over.wait()
        if not self._may_take():
            return
        job = self._jobs[session] = SessionJob(session, number, self._around)
        try:
            await job.run()
        finally:
            del self._jobs[session]

    async def _until_over(self, running: asyncio.Task[None], stopping: asyncio.Event) -> None:
        waits = [asyncio.create_task(each.wait()) for each in (stopping, self._lost)]
        try:
            await asyncio.wait({running, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _end(self, made: Engine, running: asyncio.Task[None]) -> None:
        """End what is left of the sessions, then the engine. Bounded."""
        for job in self._jobs.values():
            job.end()
        bound = ENGINE_BOUND + max(
            (LEAVING_BOUND + each.settings.stop.drain for each in self.sessions.values()),
            default=0.0,
        )
        made.stop()
        done, _ = await asyncio.wait({running}, timeout=bound)
        if not done:
            log.error("the engine did not end within %g s; it is left behind", bound)
            self.sessions.kill()
            running.cancel()
        elif not running.cancelled() and (error := running.exception()) is not None:
            log.error("the engine failed: %s", self._around.database.redact(str(error)))

    async def _drain(self) -> None:
        """Hand all sessions over; those that are being paired have until the deadline."""
        self._takes_jobs = False
        log.info("worker %s hands its %d sessions over", self._around.here.worker, len(self._jobs))
        with contextlib.suppress(StoreError):  # then each is placed anew as it ends
            await self._around.ask(claims.stop_taking)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._around.plan.drain
        while self._jobs and loop.time() < end and not self._lost.is_set():
            for job in self._jobs.values():
                if not job.is_pairing:
                    job.end()
            overs = [asyncio.create_task(job.over.wait()) for job in self._jobs.values()]
            await asyncio.wait(overs, timeout=min(DRAIN_LOOKS, max(0.0, end - loop.time())))
            for each in overs:
                each.cancel()

    # -- looking after others, and after itself

    async def _lead(self) -> None:
        """Look after the whole fleet each second and on news, if this worker is the leader."""
        trouble = False
        while True:
            self._news.clear()
            try:
                await self._around.ask(tick, self._around.plan.timing)
            except StoreError as error:
                if not trouble:
                    log.warning("the fleet cannot be looked after: %s", error)
                trouble = True
            else:
                trouble = False
            await asyncio.sleep(SOONEST_TICK)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_EVERY):
                    await self._news.wait()

    async def _prestart(self) -> None:
        """Load neonize before the first session comes: it may be one to be taken over."""
        if self._around.plan.link is None:
            with contextlib.suppress(SupervisorError):  # the first session says so, too
                settings = Settings(
                    **{**self._around.plan.settings, "data_dir": self._around.plan.data_dir}
                )
                await self.sessions.prestart(settings.endpoint)

    async def _look_for_stranded(self) -> None:
        """Hand over messages on this disk of sessions that others have now."""
        while True:
            try:
                await asyncio.to_thread(self._around.stranded.look)
            except StoreError as error:
                log.debug("it is not known what is stranded here: %s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def _look_for_strays(self) -> None:
        suspected: set[int] = set()
        while True:
            await asyncio.sleep(STRAYS_EVERY)
            try:
                begun = await self._around.ask(claims.jobs_begun)
                unknown = begun - {job.number for job in self._jobs.values()}
                if strays := unknown & suspected:
                    log.warning("%d jobs were begun and are not run; they go", len(strays))
                    await self._around.ask(claims.drop_strays, strays)
                suspected = unknown
            except StoreError:
                suspected = set()


@contextlib.asynccontextmanager
async def _running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these beside the body; a defect of theirs is logged."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(_report)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=1.0)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a part of the worker failed, which is a defect", exc_info=error)
