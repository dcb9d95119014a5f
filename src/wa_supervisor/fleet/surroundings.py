"""What a worker's sessions, and all that looks after them, have in common for one registration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..supervisor import Supervisor
from .heartbeat import boot_clock
from .lease import Lease, Timing
from .store import FleetStore

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from ..errors import LockHeld
    from ..multi import Sessions
    from ..seams import MakeLink, Store
    from ..settings import Settings
    from .claims import Registration
    from .database import FleetDatabase
    from .ownership import Ownership
    from .patience import PatientWay
    from .stranded import Stranded

T = TypeVar("T")


class MakeStore(Protocol):
    """Makes the store of one session, see `FleetStore`."""

    def __call__(
        self,
        settings: Settings,
        database: FleetDatabase,
        ownership: Ownership,
        *,
        on_lost: Callable[[LockHeld], None],
    ) -> Store:
        """Make it; `on_lost` is told, from any thread, that the session is another worker's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker was made with, see `Worker`."""

    name: str
    data_dir: Path
    capacity: int
    make_store: MakeStore = FleetStore
    on_session: Callable[[Supervisor], Awaitable[None]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    drain: float = 30.0
    timing: Timing = field(default_factory=Timing)
    link: MakeLink | None = None
    clock: Callable[[], float] = boot_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What there is for a session from a worker's registration to the end of its lease."""

    plan: Plan
    database: FleetDatabase
    here: Registration
    lease: Lease
    sessions: Sessions
    stranded: Stranded
    patient_way: PatientWay
    threads: ThreadPoolExecutor

    @property
    def holds(self) -> bool:
        """Whether the sessions are this worker's still."""
        return self.lease.holds(self.plan.clock())

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call what blocks for a short time, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, function, *arguments)

    async def ask(self, function: Callable[..., T], *arguments: object) -> T:
        """Call what asks the fleet's database in the name of this registration."""
        return await self.call(function, self.database, self.here, *arguments)
