"""A worker's heartbeat in Postgres, which is its lease.

It has a connection of its own, as a pool makes a new one only after pauses that grow, and may be
used up by others. It goes on while the worker hands its sessions over, which the engine's own
heartbeat does not.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TYPE_CHECKING, Final

import psycopg

from ..store.postgres.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from .claims import Registration
    from .database import FleetDatabase
    from .lease import Lease

log = logging.getLogger("wa_supervisor")

_RENEW: Final = """
UPDATE procrastinate_workers SET last_heartbeat = now()
WHERE id = %s AND last_heartbeat > now() - make_interval(secs => %s) RETURNING id
"""


def boot_clock() -> float:
    """Return the seconds since the machine's start; on Linux those of suspends are included."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Heartbeat:
    """Renews the lease of one registration of a worker for as long as it holds.

    What fails is tried again, so that Postgres may be away for a moment. One attempt that hangs
    does not keep the next from being made, on another connection.
    """

    def __init__(
        self,
        database: FleetDatabase,
        here: Registration,
        lease: Lease,
        *,
        clock: Callable[[], float] = boot_clock,
        renewed: Callable[[], None] = lambda: None,
    ) -> None:
        """Renew this lease; `renewed` is called each time that it was."""
        self._database = database
        self._engine_id = here.engine_id
        self._lease = lease
        self._clock = clock
        self._renewed = renewed
        self._connection: psycopg.AsyncConnection | None = None
        self._given_up: set[asyncio.Task[None]] = set()
        self._trouble: str | None = None

    async def run(self) -> None:
        """Return when the lease has ended."""
        timing = self._lease.timing
        try:
            while self._lease.holds(begun := self._clock()):
                await self._try(within=min(2 * timing.heartbeat_every, timing.lasts / 3))
                pause = begun + timing.heartbeat_every - self._clock()
                await asyncio.sleep(max(pause, timing.heartbeat_every / 4))
        finally:
            for task in self._given_up:
                task.cancel()
            self._close()

    async def _try(self, within: float) -> None:
        attempt = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            done, _ = await asyncio.wait({attempt}, timeout=within)
        except asyncio.CancelledError:
            self._give_up(attempt)
            raise
        if not done:
            self._give_up(attempt)
            self._note(f"Postgres did not answer within {within:g} s")
        elif isinstance(error := attempt.exception(), psycopg.Error | OSError):
            self._close()
            said = first_line(error) if isinstance(error, psycopg.Error) else str(error)
            self._note(self._database.redact(said))
        elif error is not None:
            raise error
        else:
            self._note(None)

    async def _beat(self) -> None:
        begun = self._clock()
        connection = self._connection
        if connection is None:
            connection = await psycopg.AsyncConnection.connect(
                self._database.conninfo, autocommit=True
            )
            self._connection = connection
        dead_after = self._lease.timing.dead_after
        found = await connection.execute(_RENEW, (self._engine_id, dead_after))
        if await found.fetchone() is None:
            self._lease.lose()
        elif self._lease.renew(begun, self._clock()):
            self._renewed()

    def _give_up(self, attempt: asyncio.Task[None]) -> None:
        """Leave an attempt and its connection to themselves; the driver takes seconds to end it."""
        connection, self._connection = self._connection, None
        self._given_up.add(attempt)

        def forget(task: asyncio.Task[None]) -> None:
            self._given_up.discard(task)
            if not task.cancelled():
                task.exception()  # how it ended means nothing any more
            if connection is not None:
                connection.pgconn.finish()

        attempt.add_done_callback(forget)
        attempt.cancel()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.pgconn.finish()
            self._connection = None

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and self._trouble is None:
            left = self._lease.ends_at - self._clock()
            log.warning("heartbeat failed (%s); the lease ends in %.1f s", trouble, left)
        elif trouble is None and self._trouble is not None:
            log.info("heartbeat is back")
        self._trouble = trouble
