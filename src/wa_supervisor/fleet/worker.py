"""A worker of a fleet: it takes sessions, and gives them up when it must."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import LockHeld, Misused, StoreError, Unreachable
from . import claims
from .database import CONNECTIONS, FleetDatabase
from .lease import Lease, Timing
from .store import FleetStore
from .surroundings import Plan
from .term import Term

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from ..multi import Sessions
    from ..seams import MakeLink
    from ..status import Status
    from ..supervisor import Supervisor
    from .claims import Registration
    from .surroundings import MakeStore

log = logging.getLogger("wa_supervisor")

TRY_AGAIN: Final = 1.0
"""Seconds between two attempts to register, while Postgres is away."""

T = TypeVar("T")


class Worker:
    """Runs sessions of a fleet, in this program; each of them runs on one worker at a time.

        worker = Worker(SecretStr("postgres://..."), name="w1", data_dir=Path("state"), capacity=50)
        await worker.run()

    `name` is its own among all workers that live. `on_session` is called with each session that
    it takes, as a task that is cancelled when the session has left. `settings` hold for all its
    sessions, as far as they were not given when a session was added. `stop` hands the sessions
    over within `drain` seconds and those of their own stop. `timing`, `make_store` and `link` are
    the seams for tests.
    """

    def __init__(  # noqa: PLR0913 - the first four are needed
        self,
        database: SecretStr,
        *,
        name: str,
        data_dir: Path,
        capacity: int,
        on_session: Callable[[Supervisor], Awaitable[None]] | None = None,
        settings: Mapping[str, Any] | None = None,
        drain: float = 30.0,
        timing: Timing | None = None,
        make_store: MakeStore = FleetStore,
        link: MakeLink | None = None,
    ) -> None:
        self._database = FleetDatabase(database, name=f"wa-supervisor worker {name}"[:63])
        self._plan = Plan(
            name=name,
            data_dir=data_dir,
            capacity=capacity,
            on_session=on_session,
            settings=settings or {},
            drain=drain,
            timing=timing or Timing(),
            make_store=make_store,
            link=link,
        )
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="fleet")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._term: Term | None = None

    @property
    def name(self) -> str:
        """Its name in the fleet."""
        return self._plan.name

    @property
    def sessions(self) -> Sessions | None:
        """The sessions that it has now; None while it is not registered."""
        return self._term.sessions if self._term is not None else None

    @property
    def has_lease(self) -> bool:
        """Whether it is registered, and may have sessions. From any thread."""
        term = self._term
        return term is not None and term.holds

    def statuses(self) -> tuple[Status, ...]:
        """How its sessions stand; those that need a person come first."""
        return self._term.sessions.statuses() if self._term is not None else ()

    def stop(self) -> None:
        """Hand all sessions over to other workers, and end. From any thread."""
        if self._loop is None:
            self._stopping.set()
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self) -> None:
        """Take sessions and run them until `stop`; while Postgres is away it waits for it.

        Cancellation stops without waiting for those that are being paired. Raises LockHeld if
        another worker of that name lives, StoreError if Postgres refuses.
        """
        if self._loop is not None:
            raise Misused("a Worker runs once; make a new one")
        self._loop = asyncio.get_running_loop()
        here: Registration | None = None
        self._database.__enter__()
        try:
            while not self._stopping.is_set():
                registered = await self._register(here)
                if registered is None:
                    break
                here, lease = registered
                log.info("worker %s takes sessions", self.name)
                self._term = Term(self._plan, self._database, here, lease, self._threads)
                await self._term.run(self._stopping)
                self._term = None
                await self._pause()
        finally:
            self._term = None
            if here is not None:
                await self._leave(here)
            await self._call(self._database.__exit__, None, None, None)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _register(self, former: Registration | None) -> tuple[Registration, Lease] | None:
        """Make the worker known; None if it is to stop before that was possible."""
        plan, trouble = self._plan, ""
        taken_until = self._loop_time + plan.timing.dead_after + plan.timing.margin
        while not self._stopping.is_set():
            begun = plan.clock()
            try:
                await self._call(self._database.install)
                here = await self._call(self._register_now, former)
            except LockHeld:
                if self._loop_time > taken_until:
                    raise
                said = "waiting until the former worker of this name is known to be dead"
            except Unreachable as error:
                said = trouble or await self._call(self._why, error)
            except StoreError as error:
                if former is None:
                    raise
                said = str(error)
            else:
                return here, Lease(begun, plan.timing)
            if said != trouble:
                log.warning("worker %s does not take sessions yet: %s", self.name, said)
            trouble = said
            await self._pause()
        return None

    def _why(self, unreachable: Unreachable) -> str:
        """Say why Postgres is not reached; the pool knows only that it has no connection."""
        try:
            self._database.check()
        except StoreError as error:
            return str(error)
        return str(unreachable)

    def _register_now(self, former: Registration | None) -> Registration:
        plan = self._plan
        return claims.register(
            self._database,
            plan.name,
            capacity=plan.capacity,
            timing=plan.timing,
            former=former.engine_id if former else None,
        )

    async def _leave(self, here: Registration) -> None:
        """Take the worker out of the fleet; if that fails it is taken for dead in a while."""
        try:
            await self._call(claims.unregister, self._database, here)
        except StoreError as error:
            log.warning("worker %s could not take its leave: %s", self.name, error)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TRY_AGAIN):
                await self._stopping.wait()

    async def _call(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    @property
    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()
