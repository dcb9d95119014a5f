"""Server-sent events: bounded in number, awake with each step, and once a second in any case."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException

from .door import MOST_STREAMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .door import Site

LOOK_EVERY: Final = 1.0
"""Seconds between two looks though nothing happened."""

GATHER: Final = 0.1
"""Seconds between two looks at least: in these several steps become one event."""


def room_for_stream(site: Site) -> None:
    """Raise HTTPException 503 if there are as many streams as there may be."""
    if site.streams >= MOST_STREAMS:
        raise HTTPException(503, f"{MOST_STREAMS} streams are open, and no more are served")


@contextlib.contextmanager
def stream_counted(site: Site) -> Iterator[None]:
    """Count what holds a connection for long. Raises HTTPException 503 as `room_for_stream`."""
    room_for_stream(site)
    site.streams += 1
    try:
        yield
    finally:
        site.streams -= 1


class News:
    """Says when to look: with each step of any session, and once in a while in any case."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        """Set with each step."""
        self._earliest = 0.0
        self._is_fresh = False

    async def wait(self) -> None:
        """Wait for a step, or for the time to look in any case.

        After a step there are two looks: one at once and one `GATHER` later, as what it brought,
        such as a code, may come just after it.
        """
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._earliest - loop.time())
        if not self._is_fresh:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self.event.wait()
        self._is_fresh = self.event.is_set()
        self.event.clear()
        self._earliest = loop.time() + GATHER


@contextlib.asynccontextmanager
async def waking(site: Site) -> AsyncIterator[News]:
    """Give the news of all sessions. Raises HTTPException 503 as `room_for_stream`."""
    news = News()
    with stream_counted(site):
        site.watched.follow(news.event)
        try:
            yield news
        finally:
            site.watched.leave(news.event)
