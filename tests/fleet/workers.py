"""Workers of a fleet in this program, whose sessions have a played client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from wa_supervisor.fleet import orders
from wa_supervisor.fleet.database import FleetDatabase, Row
from wa_supervisor.fleet.lease import Timing
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.worker import Worker
from wa_supervisor.settings import Settings
from wa_supervisor.testing import MemoryStore, PlayedLink

QUICK = Timing(heartbeat_every=0.2, dead_after=2.0, margin=0.8)


class Played:
    """The clients of all sessions of a test: one that connects at once for each start."""

    def __init__(self) -> None:
        self.owners: list[Ownership] = []
        self.settings: dict[str, Settings] = {}
        self.paired = True
        """Whether sessions that are begun from now on are paired."""

    def link(self, post: Any, **given: Any) -> PlayedLink:
        link = PlayedLink()
        link.connects = True  # or shows a QR, if its store is of no device
        return link.make(post, **given)

    def store(
        self, settings: Settings, database: FleetDatabase, ownership: Ownership, **_: Any
    ) -> MemoryStore:
        del database
        self.owners.append(ownership)
        self.settings[settings.session] = settings
        return MemoryStore(paired=self.paired)


class Fleet:
    """A fleet's database, and the workers that a test has started."""

    def __init__(self, url: SecretStr, data_dir: Path, database: FleetDatabase) -> None:
        self.url = url
        self.database = database
        self.data_dir = data_dir
        self.played = Played()
        self.running: dict[str, tuple[Worker, asyncio.Task[None]]] = {}

    def add(self, *names: str, **settings: Any) -> None:
        for name in names:
            orders.add(self.database, name, settings)

    def worker(self, name: str, **options: Any) -> Worker:
        """Start a worker."""
        worker = self.new(name, **options)
        self.running[name] = worker, asyncio.create_task(worker.run(), name=name)
        return worker

    def new(self, name: str, *, capacity: int = 10, **options: Any) -> Worker:
        defaults: dict[str, Any] = {
            "timing": QUICK,
            "make_store": self.played.store,
            "link": self.played.link,
            "drain": 1.0,
        }
        return Worker(
            self.url,
            name=name,
            data_dir=self.data_dir / name,
            capacity=capacity,
            **defaults | options,
        )

    async def stop(self, name: str) -> None:
        worker, task = self.running.pop(name)
        worker.stop()
        await asyncio.wait_for(task, 20)

    def rows(self, query: str) -> list[Row]:
        with self.database.transaction() as connection:
            return connection.execute(query.encode()).fetchall()

    def write(self, query: str) -> None:
        with self.database.transaction() as connection:
            connection.execute(query.encode())

    def owners(self) -> dict[str, str]:
        """Which worker has which session."""
        rows = self.rows("SELECT session, worker FROM owners WHERE worker IS NOT NULL")
        return {row["session"]: row["worker"] for row in rows}

    def epochs(self) -> dict[str, int]:
        return {row["session"]: row["epoch"] for row in self.rows("SELECT * FROM owners")}

    def jobs(self) -> int:
        return len(self.rows("SELECT 1 FROM procrastinate_jobs"))


@contextlib.asynccontextmanager
async def fleet_of(url: SecretStr, data_dir: Path) -> AsyncIterator[Fleet]:
    with FleetDatabase(url) as database:
        await asyncio.to_thread(database.install)
        fleet = Fleet(url, data_dir, database)
        try:
            yield fleet
        finally:
            for name in list(fleet.running):
                await fleet.stop(name)


async def until(look: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while True:
            if await asyncio.to_thread(look):
                return
            await asyncio.sleep(0.05)
