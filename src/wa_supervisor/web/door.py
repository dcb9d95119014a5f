"""Who asks: what a token or a cookie allows, as FastAPI's routes want it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from ..errors import ControlError
from .access import Grant, Scope

if TYPE_CHECKING:
    from ..page_address import Address
    from ..status import Status
    from .access import Access
    from .watched import Watched
    from .watched_fleet import WatchedFleet

MOST_STREAMS: Final = 32
"""Streams of events at a time."""


@dataclass
class Site:
    """What all routes share."""

    watched: Watched
    access: Access
    address: Address
    fleet: WatchedFleet | None = None
    """The fleet that the sessions are of, if they are of one."""
    streams: int = 0
    """Streams of events that are open."""

    @property
    def cookie(self) -> str:
        """The cookie's name. Browsers share cookies among the ports of a host, so it has ours."""
        return f"wa_supervisor_{self.address.port}"


def site_of(request: Request) -> Site:
    """Return the site a request is for."""
    site: Site = request.app.state.site
    return site


def now() -> float:
    """Return the time on the clock of `Access`."""
    return time.monotonic()


AtSite = Annotated[Site, Depends(site_of)]
_Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(HTTPBearer(auto_error=False, description="A token from the data directory's `web`.")),
]
_COOKIE: Final = APIKeyCookie(name="wa_supervisor_PORT", auto_error=False)


def grant_of(request: Request, site: AtSite, bearer: _Bearer) -> Grant | None:
    """Say what whoever asks may do; None: nobody knows who that is."""
    if bearer is not None:
        return site.access.tokens.grant(bearer.credentials)
    cookie = request.cookies.get(site.cookie)
    return site.access.of_cookie(cookie, now=now()) if cookie else None


async def _cookie(_: Annotated[str | None, Security(_COOKIE)]) -> None:
    """Have the cookie in the OpenAPI; its name has the port, so `grant_of` reads it."""


MaybeGrant = Annotated[Grant | None, Depends(grant_of)]


class Needs:
    """A dependency: whoever asks must be allowed this with the session of the path."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(
        self, request: Request, grant: MaybeGrant, _: Annotated[None, Depends(_cookie)]
    ) -> Grant:
        """Return what is allowed. Raises HTTPException: 401 nobody, 403 not this."""
        if grant is None:
            raise HTTPException(401, "log in, or send a token", {"WWW-Authenticate": "Bearer"})
        if not grant.allows(self.scope, request.path_params.get("name")):
            raise HTTPException(403, f"this needs the scope {self.scope.value!r}")
        return grant


CanView = Annotated[Grant, Depends(Needs(Scope.VIEW))]
CanSeeCode = Annotated[Grant, Depends(Needs(Scope.QR))]
CanUseMessages = Annotated[Grant, Depends(Needs(Scope.MESSAGES))]
CanOperate = Annotated[Grant, Depends(Needs(Scope.OPERATE))]


async def status_of(site: AtSite, name: str) -> Status:
    """Return how the session of the path stands. Raises HTTPException: 404, 503."""
    try:
        return await site.watched.status(name)
    except KeyError:
        raise HTTPException(404, "there is no such session") from None
    except ControlError as error:
        raise HTTPException(503, str(error)) from error
