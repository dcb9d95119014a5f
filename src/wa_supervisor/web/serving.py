"""The page beside the sessions of a program, for as long as they run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from .access import Access, Scope, Tokens
from .app import make_app
from .door import now
from .server import Server, bind
from .watched import Watched, in_its_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from ..page_address import Address
    from ..supervisor import Supervisor
    from .watched_fleet import WatchedFleet

log = logging.getLogger("wa_supervisor")


@contextlib.asynccontextmanager
async def serving(
    sessions: Mapping[str, Supervisor],
    address: Address,
    tokens: Path,
    *,
    workers: ThreadPoolExecutor | None = None,
    fleet: WatchedFleet | None = None,
) -> AsyncIterator[str]:
    """Serve the page of these sessions, and give a link that logs in once.

    To be entered on the sessions' loop, before the first dial. `tokens` is the directory of the
    tokens; `workers` do the reads of journals; `fleet` is what the sessions are of, if of one.
    Raises ConfigError if the port cannot be had, StoreError and OSError if the tokens cannot.
    """
    listener = bind(address)
    try:
        access = Access(await asyncio.to_thread(Tokens.read, tokens))
        watched = Watched(sessions, fleet.journal_of if fleet else in_its_directory)
        watched.look()
        link = f"{address.url}/login?code={access.make_link(Scope.OPERATE, now=now())}"
        server = Server(make_app(watched, access, address, fleet), listener, workers)
    except BaseException:
        listener.close()
        raise
    if not address.is_loopback and not address.is_secure:
        log.warning("the web page is served to the network without TLS: put a proxy before it")
    server.start()
    try:
        yield link
    finally:
        watched.end()
        await server.stop()
