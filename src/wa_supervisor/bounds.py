"""Waits with an end: for a run to be over, for a link to close, for a session to be ours."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from . import looks
from .errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .seams import Link, Store

log = logging.getLogger("wa_supervisor")

CLAIM_BOUND: Final = 3.0
"""Seconds at the start for the server of a Postgres database."""

_T = TypeVar("_T")


async def finished(task: asyncio.Task[_T], within: float) -> None:
    """Wait for a task's end, though we are cancelled, and no longer than that."""
    loop = asyncio.get_running_loop()
    end, cancelled = loop.time() + within, None
    while not task.done() and loop.time() < end:
        try:
            await asyncio.wait({task}, timeout=end - loop.time())
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.done():
        log.error("the session did not end within %s s; it is left behind", within)
        task.cancel()
    if cancelled is not None:
        raise cancelled


@contextlib.asynccontextmanager
async def ending(link: Link) -> AsyncIterator[Link]:
    """End what runs; a process that not even the kernel can end is left to it."""
    try:
        yield link
    finally:
        try:
            await link.aclose()
        except Exception:
            log.exception("not everything could be ended")


@contextlib.asynccontextmanager
async def owned(store: Store) -> AsyncIterator[None]:
    """Hold the session; the loop goes on while what a killed supervisor left behind still dies."""
    taking = asyncio.ensure_future(asyncio.to_thread(store.acquire))
    try:
        await asyncio.shield(taking)
        claiming = asyncio.ensure_future(asyncio.to_thread(store.claim))
        claiming.add_done_callback(lambda late: late.cancelled() or late.exception())
        try:
            async with asyncio.timeout(CLAIM_BOUND):
                await asyncio.shield(claiming)
        except (Unreachable, TimeoutError) as error:  # it is claimed before the first dial, then
            log.warning("%s", error if str(error) else "the session's database does not answer yet")
        with looks.counted():
            yield
    finally:
        await asyncio.wait({taking})
        if taking.exception() is None:
            store.release()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextlib.contextmanager
def working_on(workers: ThreadPoolExecutor | None) -> Iterator[None]:
    """Have the running loop use these threads, if any; its end does not wait for them.

    asyncio waits for every thread of the executor that a loop has last: it gets an idle one.
    """
    loop = asyncio.get_running_loop()
    if workers is not None:
        loop.set_default_executor(workers)
    try:
        yield
    finally:
        loop.set_default_executor(ThreadPoolExecutor(1))
