"""The fleet beside a worker's own sessions: its page and its part of the API.

Read from Postgres in a thread, once for all who ask within a second, and never on the sessions'
loop: a database that hangs costs those who look at the fleet, and no session.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse

from ..errors import ControlError, SupervisorError
from ..fleet.report import FleetReport
from .access import Scope
from .answers import PROBLEMS
from .door import AtSite, CanView, MaybeGrant, Site
from .rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable

fleet_routes = APIRouter()

ANSWER_BOUND: Final = 2.0
"""Seconds for the database; then it is said that it does not answer."""
MOST_SHOWN: Final = 200
"""Sessions on the page beside those that need a person; those that wait come first."""
FRESH: Final = 1.0
"""Seconds in which all who ask get one answer."""


class WatchedFleet:
    """The fleet as the server's thread sees it, through `read`, which may block for a while."""

    def __init__(self, read: Callable[[], FleetReport], worker: str) -> None:
        self.worker = worker
        """The worker whose sessions this page shows."""
        self._read = read
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

    async def why_not_ready(self) -> str | None:
        """Say why this worker has no lease; None if it has one."""
        try:
            workers = (await self.report()).workers
        except ControlError as error:
            return str(error)
        if any(each.name == self.worker and each.state != "dead" for each in workers):
            return None
        return "this worker has no lease"


async def _fleet_of(site: AtSite) -> WatchedFleet:
    assert site.fleet is not None, "the routes are there only with a fleet"
    return site.fleet


AtFleet = Annotated[WatchedFleet, Depends(_fleet_of)]


@fleet_routes.get("/api/v1/fleet", responses=PROBLEMS)
async def fleet(here: AtFleet, _: CanView) -> FleetReport:
    """How the whole fleet stands: workers, sessions, what waits for whom."""
    try:
        return await here.report()
    except ControlError as error:
        raise HTTPException(503, str(error)) from error


@fleet_routes.get("/fleet", include_in_schema=False)
async def fleet_page(site: AtSite, here: AtFleet, grant: MaybeGrant) -> HTMLResponse:
    """Show it."""
    if grant is None:
        return render("login.html", 401, code="", wrong="")
    if not grant.allows(Scope.VIEW, None):
        return render("trouble.html", 403, title="Not yours", said="This link shows a session.")
    try:
        found = await here.report()
    except ControlError as error:
        return render("trouble.html", 503, title="No answer", said=str(error))
    others = [each for each in found.sessions if not each.needs_person]
    others.sort(key=lambda each: each.waits is None)  # and by name, as they are
    return render(
        "fleet.html",
        report=found,
        others=others[:MOST_SHOWN],
        more=max(0, len(others) - MOST_SHOWN),
        here=here.worker,
        own=await _own(site),
    )


async def _own(site: Site) -> frozenset[str]:
    """Name the sessions that this page can show."""
    try:
        return frozenset(each.session for each in await site.watched.statuses())
    except ControlError:
        return frozenset()
