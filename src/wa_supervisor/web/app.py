"""The whole application: the routes behind the guard. It can be tested without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from ..versions import versions
from .api import api
from .door import Site
from .fleet import fleet_routes
from .guard import Guard
from .messages import messages
from .pages import pages
from .probes import probes

if TYPE_CHECKING:
    from ..page_address import Address
    from .access import Access
    from .watched import Watched
    from .watched_fleet import WatchedFleet


def make_app(
    watched: Watched, access: Access, address: Address, fleet: WatchedFleet | None = None
) -> FastAPI:
    """Put it together. FastAPI's own pages of the API are off: they load from a foreign host."""
    app = FastAPI(
        title="wa-supervisor",
        description="How supervised WhatsApp Web sessions stand, and orders to them.",
        version=versions()["wa-supervisor"],
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.site = Site(watched, access, address, fleet)
    app.include_router(api)
    app.include_router(messages)
    app.include_router(probes)
    app.include_router(pages)
    if fleet is not None:
        app.include_router(fleet_routes)
    app.add_middleware(Guard, address=address)
    return app
