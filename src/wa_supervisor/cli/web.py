"""The page of `run`, beside the sessions, and how a person gets to it."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ..errors import ConfigError
from ..hints import Action, Hint
from ..page_address import HERE
from ..store.layout import SessionFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ..page_address import Address
    from ..setting_groups import WebSettings
    from ..settings import Settings
    from ..supervisor import Supervisor
    from ..web.watched_fleet import WatchedFleet
    from .workers import Workers

log = logging.getLogger("wa_supervisor")


def address_of(web: WebSettings, *, wanted: bool) -> Address | None:
    """Say where the page is served; None: nowhere. `wanted`: without `listen`, too.

    Raises ConfigError.
    """
    address = web.address(HERE if wanted else None)
    if address is None:
        if web.origin is not None:
            raise ConfigError(
                "web.origin is of the page, which is off", hint="set web.listen, or add --web"
            )
        return None
    try:
        from ..web import app  # noqa: PLC0415 - only here is it known that it is wanted
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"the page needs {missing.name}, which is not installed",
            hint=Hint(Action.INSTALL, "wa-supervisor[web]"),
        ) from missing
    del app  # it brings all that could be missing
    return address


@contextlib.asynccontextmanager
async def page(
    sessions: Mapping[str, Supervisor],
    address: Address | None,
    settings: Settings,
    workers: Workers,
    fleet: WatchedFleet | None = None,
) -> AsyncIterator[None]:
    """Serve the page for as long as this lasts, if it is wanted, with the fleet if there is one.

    The link that logs in is for whoever sits at the terminal: no log file gets it. Raises as
    `serving`.
    """
    if address is None:
        yield
        return
    from ..web.serving import serving  # noqa: PLC0415 - as above

    files = SessionFiles.at(settings.session, settings.data_dir)
    tokens = files.directory.parent.parent / "web"
    async with serving(sessions, address, tokens, workers=workers, fleet=fleet) as link:
        console = Console(file=sys.stderr)
        if console.file.isatty():
            console.print(Text(f"The page, once and within ten minutes: {link}"), soft_wrap=True)
        else:
            log.info("the page is at %s; log in with %s", address.url, tokens / "operate.token")
        yield
