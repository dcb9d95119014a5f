"""One look at the network for all sessions that go the same way.

A session that is cut off looks every 10 s; a thousand of them would be 1.7 cores (measured: 17 ms a
look, 2 with its authorities loaded).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ..session.parent.network_probe import reachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..session.shared.endpoint import Endpoint

FRESH: Final = 5.0
"""Seconds for which an answer is good: half of the least that lies between two looks."""


class NetworkLooks:
    """Tells whether WhatsApp can be reached, and asks no more than once at a time."""

    def __init__(self, look: Callable[[Endpoint], Awaitable[bool]] = reachable) -> None:
        self._look = look
        self._looks: dict[Endpoint, asyncio.Task[bool]] = {}
        self._seen: dict[Endpoint, tuple[float, bool]] = {}

    async def reachable(self, endpoint: Endpoint) -> bool:
        """Tell whether the way to WhatsApp is open, or was a moment ago."""
        now = asyncio.get_running_loop().time()
        seen = self._seen.get(endpoint)
        if seen is not None and now - seen[0] < FRESH:
            return seen[1]
        look = self._looks.get(endpoint)
        if look is None:
            look = self._looks[endpoint] = asyncio.create_task(self._ask(endpoint))
            look.add_done_callback(lambda _: self._looks.pop(endpoint, None))
        return await asyncio.shield(look)

    async def _ask(self, endpoint: Endpoint) -> bool:
        answer = await self._look(endpoint)
        self._seen[endpoint] = asyncio.get_running_loop().time(), answer
        return answer

    async def aclose(self) -> None:
        """End a look that is under way."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
