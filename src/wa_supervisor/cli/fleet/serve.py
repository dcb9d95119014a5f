"""What `fleet worker` does once it knows what is wanted: a worker, its log, signals and page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from ...bounds import working_on
from ...fleet.database import FleetDatabase
from ...fleet.orders import sessions_own
from ...fleet.records import FleetReading
from ...fleet.report import report
from ...fleet.worker import Worker
from ...lifecycle import State
from ...sdnotify import Notifier
from ...store.layout import SessionFiles
from ...supervisor import Supervisor
from ..exits import Exit
from ..logs import configure_logging
from ..service import Report, reports
from ..signals import on_hang_up, stop_on_signals
from ..supervise import json_lines
from ..web import page

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ...page_address import Address
    from ...settings import Loaded
    from ..session_options import SessionOptions
    from ..workers import Workers

log = logging.getLogger("wa_supervisor")


class SessionsNow(Mapping[str, Supervisor]):
    """The sessions that a worker has when it is asked; none while it has no lease."""

    def __init__(self, now: Callable[[], Mapping[str, Supervisor] | None]) -> None:
        self._now = now

    def __getitem__(self, name: str) -> Supervisor:
        return (self._now() or {})[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._now() or ()))

    def __len__(self) -> int:
        return len(self._now() or ())


class WorkerRun:
    """One worker, until signals end it."""

    def __init__(
        self,
        options: SessionOptions,
        loaded: Loaded,
        url: SecretStr,
        *,
        name: str,
        capacity: int,
        address: Address | None,
        threads: Workers,
        as_json: bool,
        verbose: bool,
    ) -> None:
        console = Console(file=sys.stderr)
        self._files = configure_logging(
            console,
            as_json=as_json and not console.is_terminal,
            verbose=verbose,
            typed=options.repeat_in,
            several=True,
        )
        for warning in loaded.warnings:
            log.warning("%s", warning)
        self._settings = settings = loaded.settings
        self._url = url
        self._address = address
        self._threads = threads
        self._as_json = as_json
        self._worker = Worker(
            url,
            name=name,
            data_dir=SessionFiles.at(settings.session, settings.data_dir).directory.parents[1],
            capacity=capacity,
            on_session=self._on_session,
            # The page is the worker's, and notices of its sessions link to it.
            settings=sessions_own(loaded.sources.tree()) | {"web": settings.web},
            drain=settings.fleet.drain,
        )
        self._report = Report(self._summary, None)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def run(self) -> Exit:
        """Run until a signal. Raises LockHeld if another worker of this name lives, StoreError."""
        return asyncio.run(self._run())

    async def _run(self) -> Exit:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(self._stop)

        with working_on(self._threads):
            notifier = Notifier.from_environment(os.environ)
            async with self._page(), reports(self._summary, notifier) as self._report:
                self._task = asyncio.create_task(self._worker.run(), name="worker")
                with stop_on_signals(stop), on_hang_up(stop):
                    await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()
        return Exit.OK

    @contextlib.asynccontextmanager
    async def _page(self) -> AsyncIterator[None]:
        """Serve the page, if it is wanted: it reads the fleet over a connection of its own."""
        if self._address is None:
            yield
            return
        from ...web.watched_fleet import WatchedFleet  # noqa: PLC0415 - only here is it known to be there

        sessions = SessionsNow(lambda: self._worker.sessions)
        database = FleetDatabase(self._url, name=f"wa-supervisor page of {self._worker.name}"[:63])
        watched = WatchedFleet(
            partial(report, database),
            self._worker.name,
            lambda settings: FleetReading(database, settings.session),
            has_lease=lambda: self._worker.has_lease,
        )
        with database:
            async with page(sessions, self._address, self._settings, self._threads, watched):
                yield

    def _stop(self) -> None:
        """Hand the sessions over; at the second call wait for no pairing."""
        assert self._task is not None
        if self._stopping:
            self._task.cancel()
            return
        self._stopping = True
        self._report.stopping()
        self._worker.stop()

    async def _on_session(self, session: Supervisor) -> None:
        session.on_record(self._files.add(session.settings))
        if self._as_json:
            session.on_record(json_lines(None))
        session.on_step(self._report.news)

    def _summary(self) -> str:
        statuses = self._worker.statuses()
        up = sum(each.state is State.CONNECTED for each in statuses)
        first = f"; {statuses[0].session}: {statuses[0].summary}" if up < len(statuses) else ""
        return f"{up} of {len(statuses)} sessions connected{first}"
