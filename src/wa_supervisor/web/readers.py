"""A reader of the inbox that somebody asks for over HTTP, held on the session's own loop.

Whoever asks can hang, lie or vanish: nothing is acknowledged without a word of his, each wait has
an end, and his name is free again as soon as his connection is known to be gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import Misused
from ..messages.errors import ReaderBusy
from ..remote.message_json import message_json
from .streams import stream_counted

if TYPE_CHECKING:
    from ..messages.delivery import Deliveries, Delivery
    from ..messages.handed_out import HandedOut
    from ..messages.message import Kind
    from ..supervisor import Supervisor
    from .door import Site

BUSY_BOUND: Final = 5.0
"""Seconds for a name to become free: who comes again may be quicker than the news of his end."""

ANSWER_BOUND: Final = 5.0
"""Seconds for the inbox's disk, beyond those that are waited for a message."""

MOST_CHARACTERS: Final = 4 << 20
"""Of JSON in one answer; a batch ends with the message that goes beyond."""

_AGAIN: Final = 0.05  # seconds between two tries to have a busy name


@dataclass(frozen=True, slots=True, repr=False)
class Handed:
    """A message on its way out."""

    number: int
    json: str


class Place:
    """A reader's name that is held, and what comes by it."""

    def __init__(self, site: Site, session: str, deliveries: Deliveries, kept: HandedOut) -> None:
        self._site = site
        self._session = session
        self._deliveries = deliveries
        self._handed_out = kept

    async def take(self, limit: int, wait: float) -> list[Handed]:
        """Wait for a message, and return it with those that are there, too; none after `wait`.

        `wait` is in seconds. Raises KeyError, ControlError, InboxError.
        """

        async def taking(_: Supervisor) -> list[Handed]:
            found, size = [], 0
            delivery = await self._first(wait)
            while delivery is not None:
                self._handed_out.add(delivery)
                found.append(Handed(delivery.number, message_json(delivery)))
                size += len(found[-1].json)
                if len(found) == limit or size > MOST_CHARACTERS:
                    break
                delivery = await self._deliveries.ready()
            return found

        return await self._site.watched.ask(self._session, taking, wait + ANSWER_BOUND)

    async def _first(self, wait: float) -> Delivery | None:
        if wait <= 0:
            return await self._deliveries.ready()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                return await anext(self._deliveries, None)
        return None


@contextlib.asynccontextmanager
async def place(
    site: Site, session: str, reader: str, kinds: Collection[Kind]
) -> AsyncIterator[Place]:
    """Hold a reader's name. Raises KeyError, ControlError, Misused, ReaderBusy, InboxError."""

    async def begin(of: Supervisor) -> tuple[Deliveries, HandedOut]:
        if of.incoming is None:
            raise Misused("this session has no inbox: `inbox.enabled` is off")
        end = time.monotonic() + BUSY_BOUND
        while True:
            deliveries = of.messages(reader, kinds=kinds, ack="manual")
            try:
                await deliveries.begin()
            except ReaderBusy:
                if time.monotonic() >= end:
                    raise
                await asyncio.sleep(_AGAIN)
            else:
                return deliveries, of.incoming.handed_out

    with stream_counted(site):
        deliveries, kept = await site.watched.ask(session, begin, BUSY_BOUND + ANSWER_BOUND)
        try:
            yield Place(site, session, deliveries, kept)
        finally:
            site.watched.give(deliveries.close)
