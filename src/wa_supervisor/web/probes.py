"""What is asked for ever: is it alive, is it ready, how much of everything."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ..errors import ControlError
from .answers import PROBLEMS
from .door import AtSite, CanView
from .fleet_metrics import fleet_metrics
from .metrics import CONTENT_TYPE, exposition

probes = APIRouter()


class Alive(BaseModel):
    """Whether the supervisor's loop answers."""

    alive: bool
    why: str | None = None


class Readiness(BaseModel):
    """Whether each session hears messages now, and why not."""

    ready: bool
    why_not: dict[str, str]
    """By session: the state, and the code of the reason; of a worker why it has no lease."""


@probes.get("/livez", responses={503: {"model": Alive}})
async def livez(site: AtSite, response: Response) -> Alive:
    """200 while the supervisor's loop answers; a session that waits or gave up is alive."""
    try:
        await site.watched.statuses()
    except ControlError as error:
        response.status_code = 503
        return Alive(alive=False, why=str(error))
    return Alive(alive=True)


@probes.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(site: AtSite, response: Response) -> Readiness:
    """200 only while every session is connected and WhatsApp answers it.

    Of a worker of a fleet: while it has its lease, whatever its sessions wait for.
    """
    if site.fleet is not None:
        why = site.fleet.why_not_ready()
        response.status_code = 200 if why is None else 503
        return Readiness(ready=why is None, why_not={} if why is None else {"": why})
    try:
        statuses = await site.watched.statuses()
    except ControlError as error:
        response.status_code = 503
        return Readiness(ready=False, why_not={"": str(error)})
    why_not = {}
    for each in statuses:
        if not each.is_ready:
            where = f"{each.state.value}.{each.substate}" if each.substate else each.state.value
            why_not[each.session] = f"{where}: {each.reason.value}" if each.reason else where
    ready = bool(statuses) and not why_not
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, why_not=why_not)


@probes.get("/metrics", response_class=Response, responses=PROBLEMS)
async def metrics(site: AtSite, _: CanView) -> Response:
    """The metrics in Prometheus' text format; scrape them with `view.token`."""
    try:
        statuses = await site.watched.statuses()
    except ControlError as error:
        return Response(f"# {error}\n", 503, media_type="text/plain")
    fleet = () if site.fleet is None else (await fleet_metrics(site.fleet),)
    said = exposition(statuses, site.watched.counted(), *fleet)
    return Response(said, media_type=CONTENT_TYPE)
