"""`/api/v1`: the same models as everywhere, for programs, with `/api/v1/openapi.json`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field, SecretStr

from ..errors import ConfigError, ControlError, JournalError, Misused, StoreError, SupervisorError
from ..gate import parse_entry
from ..gate_answers import GateStanding
from ..journal.entries import Entry
from ..pairing.matrix import make_png, make_svg
from ..session.shared.secret import ON_THE_WIRE, Secret
from ..status import Status
from ..supervisor import Supervisor
from .access import LINK_LIFETIME, Scope
from .answers import PROBLEMS, Body, Name, done
from .door import AtSite, CanOperate, CanSeeCode, CanView, now, status_of
from .streams import room_for_stream, waking

api = APIRouter(prefix="/api/v1")

MOST_STEPS = 500
"""Steps in one answer, or that a stream catches up with at a time."""

MOST_BEHIND = 100_000
"""Steps that may be asked for from the end."""

_MASKED: dict[str, Any] = {"device": {"number"}, "received": {"refused_lately"}}
"""Of a status: secrets, which would be masked; `gate` has the refusals, in the clear."""
_STREAM_NUMBER = Query(ge=-MOST_BEHIND, le=2**62)


class Code(BaseModel):
    """The QR payload or pair code that shows now."""

    kind: Literal["qr", "pair_code"]
    text: str
    left: float
    """Seconds until it dies."""


class Relink(Body):
    """A relink cannot be undone: the device is logged out."""

    confirm: str = Field(max_length=64)
    """The session's name, once more."""


class GateChange(Body):
    """Whom to let in, or not any more."""

    entry: Secret
    """`+49...`, a JID, or what the refusal's remedy says."""


class LinkWanted(Body):
    """A link that can be opened once."""

    kind: Literal[Scope.VIEW, Scope.QR, Scope.OPERATE] = Scope.QR


class Link(BaseModel):
    """Whoever opens it first is let in."""

    url: str
    seconds: float
    """How long it can be opened; what a `qr` link shows ends then, too."""


@api.get("/sessions", responses=PROBLEMS, response_model_exclude={"__all__": _MASKED})
async def sessions(site: AtSite, _: CanView) -> list[Status]:
    """How all sessions stand; those that need a person come first."""
    try:
        return list(await site.watched.statuses())
    except ControlError as error:
        raise HTTPException(503, str(error)) from error


@api.get("/sessions/{name}", responses=PROBLEMS, response_model_exclude=_MASKED)
async def status(site: AtSite, name: Name, _: CanView) -> Status:
    """How one session stands."""
    return await status_of(site, name)


@api.get("/sessions/{name}/history", responses=PROBLEMS)
async def history(
    site: AtSite,
    name: Name,
    _: CanView,
    limit: Annotated[int, Query(ge=1, le=MOST_STEPS)] = 50,
) -> list[Entry]:
    """The newest steps, oldest first."""
    await status_of(site, name)
    try:
        return list(await site.watched.history(name, limit))
    except (JournalError, StoreError) as error:
        raise HTTPException(503, str(error)) from error


async def _may_stream(site: AtSite, name: Name, _: CanView) -> None:
    await status_of(site, name)
    room_for_stream(site)


@api.get("/sessions/{name}/steps", response_class=EventSourceResponse, responses=PROBLEMS)
async def steps(
    request: Request,
    site: AtSite,
    name: Name,
    _: Annotated[None, Depends(_may_stream)],
    after: Annotated[int, _STREAM_NUMBER] = -1,
) -> AsyncIterator[ServerSentEvent]:
    """The steps as they are taken, from the journal.

    Each has its number there as its id, so `Last-Event-ID` (or `after`) goes on where it broke off,
    across restarts too. A negative `after` begins with so many of the newest.
    """
    number = _number(request.headers.get("last-event-id"), after)
    async with waking(site) as news:
        while not site.watched.ended:
            try:
                found = await site.watched.after(name, number, MOST_STEPS)
            except (KeyError, SupervisorError):
                return  # the session is gone, or its journal: asked again, the answer says why
            for each in found:
                number = each.number
                yield ServerSentEvent(
                    event="step",
                    id=str(number),
                    raw_data=each.entry.model_dump_json(exclude={"taken"}),
                )
            if len(found) < MOST_STEPS:
                await news.wait()


def _number(last: str | None, after: int) -> int:
    return int(last) if last and last.isdecimal() and len(last) < 19 else after  # noqa: PLR2004 - of 2**62


async def _shown(site: AtSite, name: str) -> Code:
    await status_of(site, name)
    try:
        shown = await site.watched.code(name)
    except (KeyError, ControlError) as error:
        raise HTTPException(503, "the supervisor does not answer") from error
    if shown is None:
        raise HTTPException(404, "no code shows now")
    return Code(kind=shown.kind, text=shown.text.get_secret_value(), left=shown.left)


@api.get("/sessions/{name}/qr", responses=PROBLEMS)
async def qr(site: AtSite, name: Name, _: CanSeeCode) -> Code:
    """The QR payload or pair code that shows now."""
    return await _shown(site, name)


@api.get("/sessions/{name}/qr.txt", response_class=Response, responses=PROBLEMS)
async def qr_text(site: AtSite, name: Name, _: CanSeeCode) -> Response:
    """The same as a line of text."""
    return Response((await _shown(site, name)).text, media_type="text/plain; charset=utf-8")


@api.get("/sessions/{name}/qr.png", response_class=Response, responses=PROBLEMS)
async def qr_png(site: AtSite, name: Name, _: CanSeeCode) -> Response:
    """The QR as a picture."""
    return Response(make_png(await _payload(site, name)), media_type="image/png")


@api.get("/sessions/{name}/qr.svg", response_class=Response, responses=PROBLEMS)
async def qr_svg(site: AtSite, name: Name, _: CanSeeCode) -> Response:
    """The QR as a drawing."""
    return Response(make_svg(await _payload(site, name)), media_type="image/svg+xml")


async def _payload(site: AtSite, name: str) -> SecretStr:
    shown = await _shown(site, name)
    if shown.kind != "qr":
        raise HTTPException(404, "a pair code shows, which is no picture")
    return SecretStr(shown.text)


@api.post(
    "/sessions/{name}/resume", status_code=202, responses=PROBLEMS, response_model_exclude=_MASKED
)
async def resume(site: AtSite, name: Name, _: CanOperate) -> Status:
    """Try again now, with fresh budgets."""
    await order(site, name, "resume")
    return await status_of(site, name)


@api.post(
    "/sessions/{name}/restart", status_code=202, responses=PROBLEMS, response_model_exclude=_MASKED
)
async def restart(site: AtSite, name: Name, _: CanOperate) -> Status:
    """End the session process, if one runs, and start a new one."""
    await order(site, name, "restart")
    return await status_of(site, name)


@api.post(
    "/sessions/{name}/stop", status_code=202, responses=PROBLEMS, response_model_exclude=_MASKED
)
async def stop(site: AtSite, name: Name, _: CanOperate) -> Status:
    """Stop the session, keeping its keys. The status is of the moment the order was taken."""
    found = await status_of(site, name)
    await order(site, name, "stop")
    return found


@api.post(
    "/sessions/{name}/relink", status_code=202, responses=PROBLEMS, response_model_exclude=_MASKED
)
async def relink(site: AtSite, name: Name, wanted: Relink, _: CanOperate) -> Status:
    """Log the device out, clear the session away and pair afresh."""
    if wanted.confirm != name:
        raise HTTPException(409, "`confirm` must be the session's name")
    await order(site, name, "relink")
    return await status_of(site, name)


ORDERS = {
    "resume": Supervisor.resume,
    "restart": Supervisor.restart,
    "relink": Supervisor.relink,
    "stop": Supervisor.stop,
}
"""What can be ordered."""


async def order(site: AtSite, name: str, what: str) -> None:
    """Give an order. Raises HTTPException: 404, 503."""
    await status_of(site, name)
    try:
        await site.watched.order(name, ORDERS[what])
    except ControlError as error:
        raise HTTPException(503, str(error)) from error


@api.get("/sessions/{name}/gate", responses=PROBLEMS)
async def gate(site: AtSite, name: Name, _: CanOperate) -> Response:
    """Who may write, and who was refused of late, with addresses in the clear."""

    async def standing(session: Supervisor) -> GateStanding | None:
        return session.incoming.gate.standing() if session.incoming else None

    found = await done(site, name, standing)
    if found is None:
        raise HTTPException(409, "this session has no inbox: `inbox.enabled` is off")
    return Response(found.model_dump_json(context=ON_THE_WIRE), media_type="application/json")


@api.post("/sessions/{name}/gate/allow", status_code=204, responses=PROBLEMS)
async def allow(site: AtSite, name: Name, wanted: GateChange, _: CanOperate) -> None:
    """Let somebody in from the next message on, and after a restart too."""
    await change_gate(site, name, wanted.entry, allow=True)


@api.post("/sessions/{name}/gate/deny", status_code=204, responses=PROBLEMS)
async def deny(site: AtSite, name: Name, wanted: GateChange, _: CanOperate) -> None:
    """Take an entry off the list."""
    await change_gate(site, name, wanted.entry, allow=False)


async def change_gate(site: AtSite, name: str, entry: SecretStr, *, allow: bool) -> None:
    """Change the gate. Raises HTTPException: 404, 409, 503."""
    try:
        parsed = parse_entry(entry.get_secret_value())
    except ConfigError as error:
        raise HTTPException(409, "this names nobody: write +NUMBER or a JID") from error

    async def change(session: Supervisor) -> None:
        if session.incoming is None:
            raise Misused("this session has no inbox: `inbox.enabled` is off")
        await session.incoming.gate.change(parsed, allow=allow)

    await done(site, name, change)


@api.post("/sessions/{name}/links", responses=PROBLEMS)
async def make_link(site: AtSite, name: Name, wanted: LinkWanted, _: CanOperate) -> Link:
    """Make a link for the phone's owner (`qr`: the code and nothing else), or another person."""
    await status_of(site, name)
    return link(site, name, wanted.kind)


def link(site: AtSite, name: str, kind: Scope) -> Link:
    """Make a link to one session."""
    code = site.access.make_link(kind, now=now(), session=name)
    return Link(url=f"{site.address.url}/login?code={code}", seconds=LINK_LIFETIME)
