"""The fleet beside a worker's own sessions, as the server's thread sees it.

Read from Postgres in a thread, once for all who ask within a second, and never on the sessions'
loop: a database that hangs costs those who look at the fleet, and no session.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from ..errors import ControlError, SupervisorError
from .watched import in_its_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..fleet.report import FleetReport
    from ..journal.reader import Reading
    from ..settings import Settings

ANSWER_BOUND: Final = 2.0
"""Seconds for the database; then it is said that it does not answer."""
FRESH: Final = 1.0
"""Seconds in which all who ask get one answer."""


class WatchedFleet:
    """The fleet as the server's thread sees it, through `read`, which may block for a while."""

    def __init__(
        self,
        read: Callable[[], FleetReport],
        worker: str,
        journal_of: Callable[[Settings], Reading] = in_its_directory,
        *,
        has_lease: Callable[[], bool],
    ) -> None:
        self.worker = worker
        """The worker whose sessions this page shows."""
        self.journal_of = journal_of
        """Says where the journal of a session is."""
        self._read = read
        self._has_lease = has_lease
        self._last: tuple[float, FleetReport] | None = None
        self._reading: asyncio.Task[FleetReport] | None = None

    async def report(self) -> FleetReport:
        """How the fleet stands. Raises ControlError if its database does not answer in time."""
        if self._last is not None and time.monotonic() - self._last[0] < FRESH:
            return self._last[1]
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._look())
            self._reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(ANSWER_BOUND):
                return await asyncio.shield(self._reading)
        except TimeoutError:
            raise ControlError(
                f"the fleet's database did not answer within {ANSWER_BOUND:g} s"
            ) from None
        except SupervisorError as error:
            raise ControlError(str(error)) from error

    async def _look(self) -> FleetReport:
        found = await asyncio.to_thread(self._read)
        self._last = time.monotonic(), found
        return found

    def why_not_ready(self) -> str | None:
        """Say that this worker has no lease; None if it has one.

        It knows itself: the database may hang while the lease lasts, and another worker of the
        same name may have one.
        """
        return None if self._has_lease() else "this worker has no lease"
