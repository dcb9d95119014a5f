"""The routes of a worker's page that show its fleet: a page, and a part of the API."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse

from ..errors import ControlError
from ..fleet.report import FleetReport
from .access import Scope
from .answers import PROBLEMS
from .door import AtSite, CanView, MaybeGrant, Site
from .rendering import render
from .watched_fleet import WatchedFleet

fleet_routes = APIRouter()

MOST_SHOWN: Final = 200
"""Sessions on the page beside those that need a person; those that wait come first."""


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
