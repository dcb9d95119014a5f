"""A share of the event loop for each session, so that no turn of it grows with their number.

When a hundred session processes die at once, a hundred supervisors have something to do in one and
the same turn of the loop, and nobody else's timer or socket is looked at before all have done it.
So only a few get on with theirs in each turn; the others wait, in the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = 4
"""So many in one turn of the loop: what one does takes a millisecond or two, some ten at worst."""


class _Share:
    """Whose turn it is on one loop."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    async def take(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._next_turn, loop)
        if self._left:
            self._left -= 1
            await asyncio.sleep(0)
            return
        waiter = loop.create_future()
        self._waiting.append(waiter)
        await waiter

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = AT_ONCE
        while self._waiting and self._left:
            waiter = self._waiting.popleft()
            if not waiter.done():  # it may have been cancelled
                waiter.set_result(None)
                self._left -= 1
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            loop.call_soon(self._next_turn, loop)


_shares: WeakKeyDictionary[asyncio.AbstractEventLoop, _Share] = WeakKeyDictionary()


async def next_turn() -> None:
    """Let the others on this loop go on, and return in a turn in which there is room for one."""
    loop = asyncio.get_running_loop()
    share = _shares.get(loop)
    if share is None:
        share = _shares[loop] = _Share()
    await share.take()
