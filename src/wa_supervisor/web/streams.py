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
"""Seconds between two looks; a code is shown just after the step that brought it."""

GATHER: Final = 0.1
"""Seconds in which several steps become one event."""


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


@contextlib.asynccontextmanager
async def waking(site: Site) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set with each step of any session."""
    news = asyncio.Event()
    with stream_counted(site):
        site.watched.follow(news)
        try:
            yield news
        finally:
            site.watched.leave(news)


async def look_again(news: asyncio.Event) -> None:
    """Wait for a step, or for the time to look in any case."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_EVERY):
            await news.wait()
            await asyncio.sleep(GATHER)
    news.clear()
