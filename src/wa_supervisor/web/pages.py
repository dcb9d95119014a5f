"""The pages: one for a session, a list of several, the login, and what the phone's owner sees."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import SecretStr

from ..errors import ControlError, JournalError, StoreError
from ..lifecycle import State
from ..status import Status
from .access import Grant, Scope
from .api import ORDERS, Link, change_gate, link, order
from .door import AtSite, CanOperate, MaybeGrant, Site, now, status_of
from .picture import chart
from .rendering import ASSETS, asset_bytes, render
from .streams import room_for_stream, waking
from .view import View, last_path, lines

pages = APIRouter(include_in_schema=False)


@pages.get("/static/{name}")
async def asset(name: str) -> Response:
    """Give a file of the page."""
    if name not in ASSETS:
        raise HTTPException(404, "there is no such file")
    return Response(asset_bytes(name), media_type=ASSETS[name])


@pages.get("/favicon.ico")
async def icon() -> Response:
    """Give the icon to who does not read the page for it."""
    return Response(asset_bytes("icon.svg"), media_type=ASSETS["icon.svg"])


# -- letting somebody in


@pages.get("/login")
async def loginrender(code: str = "") -> Response:
    """Ask for a click: a messenger that looks at a link to preview it must not use it up."""
    return render("login.html", code=code, wrong="")


@pages.post("/login")
async def log_in(request: Request, site: AtSite) -> Response:
    """Let in who has a link or a token."""
    form = await _form(request)
    if code := form.get("code"):
        found = site.access.open_link(code, now=now())
        wrong = "This link was used, or its ten minutes are over. Ask for another one."
    else:
        found = site.access.log_in(form.get("token", "").strip(), now=now())
        wrong = "This is none of the tokens that show a page."
    if found is None:
        return render("login.html", 401, code="", wrong=wrong)
    cookie, seconds = found
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        site.cookie,
        cookie,
        max_age=int(seconds),
        httponly=True,
        samesite="strict",
        secure=site.address.is_secure,
    )
    return answer


@pages.post("/logout")
async def log_out(request: Request, site: AtSite) -> Response:
    """Forget the browser."""
    if cookie := request.cookies.get(site.cookie):
        site.access.log_out(cookie)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(site.cookie)
    return answer


# -- reading


@pages.get("/")
async def first(site: AtSite, grant: MaybeGrant) -> Response:
    """Show the only session, or the list of them."""
    if grant is None:
        return render("login.html", 401, code="", wrong="")
    if grant.session is not None:
        return await _session(site, grant, grant.session)
    try:
        statuses = await site.watched.statuses()
    except ControlError as error:
        return render("trouble.html", 503, title="No answer", said=str(error))
    if len(statuses) == 1 and site.fleet is None:
        return await _session(site, grant, statuses[0].session)
    return render(
        "sessions.html", views=[View(each) for each in statuses], grant=grant, fleet=site.fleet
    )


@pages.get("/s/{name}")
async def session(site: AtSite, grant: MaybeGrant, name: str) -> Response:
    """Show one session."""
    if grant is None:
        return render("login.html", 401, code="", wrong="")
    return await _session(site, grant, name)


async def _session(
    site: Site, grant: Grant, name: str, said: HTTPException | None = None, made: Link | None = None
) -> Response:
    if grant.session not in {None, name}:
        return render("trouble.html", 403, title="Not yours", said="This link shows another one.")
    try:
        status = await status_of(site, name)
    except HTTPException as error:
        return render("trouble.html", error.status_code, title="No answer", said=error.detail)
    shown = await _shown(site, grant, status)
    if not grant.allows(Scope.VIEW, name):
        return render("owner.html", view=View(status), shown=shown)
    entries, unread = await _history(site, name)
    others = site.fleet is not None or len(await site.watched.statuses()) > 1
    several = grant.session is None and others
    operates = grant.allows(Scope.OPERATE, name)
    view = View(status)
    return render(
        "session.html",
        said.status_code if said else 200,
        view=view,
        status=status,
        shown=shown,
        lines=lines(entries),
        unread=unread,
        chart=chart(status.state.value, last_path(entries, status.state)),
        refusals=view.refusals(revealed=operates),
        grant=grant,
        operates=operates,
        several=several,
        said=said.detail if said else "",
        made=made,
        path=f"/s/{quote(name)}",
    )


async def _history(site: Site, name: str) -> tuple[tuple[Any, ...], str]:
    try:
        return await site.watched.history(name, 60), ""
    except (KeyError, JournalError, StoreError, ControlError) as error:
        return (), str(error)


async def _shown(site: Site, grant: Grant, status: Status) -> dict[str, Any] | None:
    """Say what code shows, to who may see it; a QR by its picture, whose name changes with it."""
    if not grant.allows(Scope.QR, status.session) or status.state is not State.PAIRING:
        return None
    found = await site.watched.code(status.session)
    if found is None:
        return None
    text = found.text.get_secret_value()
    return {
        "kind": found.kind,
        "code": text if found.kind == "pair_code" else "",
        "mark": hashlib.sha256(text.encode()).hexdigest()[:16],
        "left": found.left,
        "path": f"/api/v1/sessions/{quote(status.session)}/qr.svg",
    }


async def _may_stream(site: AtSite, grant: MaybeGrant) -> Grant:
    if grant is None:
        raise HTTPException(401, "log in")
    room_for_stream(site)
    return grant


@pages.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request, site: AtSite, grant: Annotated[Grant, Depends(_may_stream)]
) -> AsyncIterator[ServerSentEvent]:
    """Say that there is something new to be seen, and nothing of it."""
    sent: object = None
    async with waking(site) as news:
        while not site.watched.ended:
            if grant.until is not None and grant.until <= now():
                yield ServerSentEvent(event="over", data="")
                return
            seen = await _seen(site, grant)
            if seen != sent:
                sent = seen
                yield ServerSentEvent(event="change", data="")
            await news.wait()
            if await request.is_disconnected():
                return


async def _seen(site: Site, grant: Grant) -> object:
    """What the page of a grant depends on, but for what time alone changes."""
    try:
        statuses = await site.watched.statuses()
        found = []
        for each in statuses:
            if grant.session in {None, each.session}:
                shown = await _shown(site, grant, each)
                found.append(
                    (
                        each.model_dump_json(exclude=_DULL),
                        shown and shown["mark"],
                        each.received and (each.received.total, each.received.refused),
                    )
                )
    except (ControlError, KeyError) as error:
        return str(error)
    return found


_DULL: Any = {
    "ts": True,
    "process": {"memory"},
    "client": {"memory"},
    "received": True,
    "pairing": True,
    "not_before": True,
    "ban_until": True,
    "budgets": {"__all__": {"room_at"}},
    "device": {"session_ends_without_phone", "session_ends_unused"},
    "summary": True,
}


# -- acting


@pages.post("/s/{name}/{what}")
async def act(request: Request, site: AtSite, name: str, what: str, grant: CanOperate) -> Response:
    """Do what a button says, and show the page again."""
    if what not in {"link", "allow", *ORDERS}:
        raise HTTPException(404, "there is no such action")
    form = await _form(request)
    here = RedirectResponse(f"/s/{quote(name)}", 303)
    try:
        if what == "link":
            made = link(site, name, Scope.QR)
            return await _session(site, grant, name, made=made)
        if what == "allow":
            await change_gate(site, name, SecretStr(form.get("entry", "")), allow=True)
            return here
        if what in {"relink", "stop"} and form.get("confirm", "").strip() != name:
            said = f"Nothing was done: to {what}, type the session's name, {name}."
            return await _session(site, grant, name, HTTPException(409, said))
        await order(site, name, what)
    except HTTPException as error:
        return await _session(site, grant, name, error)
    return here


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return {key: values[-1] for key, values in parse_qs(body, max_num_fields=16).items()}
