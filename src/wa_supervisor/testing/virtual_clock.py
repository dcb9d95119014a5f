"""A clock that stands until it is moved."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..clock import Uptime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
"""What time of day it is when a virtual clock is new."""


class VirtualClock:
    """Time that passes when a test says so, see `clock.Clock`. For one event loop."""

    def __init__(self) -> None:
        self._now = 0.0
        self._limits: dict[asyncio.Timeout, float] = {}

    def time(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def wall(self) -> datetime:
        """The time of day."""
        return BEGINNING + timedelta(seconds=self._now)

    def uptime(self) -> Uptime:
        """For how long the machine has run, which began when the clock was made."""
        return Uptime("virtual", self._now)

    @contextlib.asynccontextmanager
    async def timeout_at(self, when: float | None) -> AsyncIterator[None]:
        """Raise TimeoutError from the body once the clock was moved to `when`."""
        async with asyncio.timeout(None) as limit:
            if when is not None:
                self._limits[limit] = when
                self._expire()
            try:
                yield
            finally:
                self._limits.pop(limit, None)

    @property
    def next_due(self) -> float | None:
        """The first moment that anybody waits for; None if nobody waits."""
        return min(self._limits.values(), default=None)

    def move_to(self, moment: float) -> None:
        """Let it be `moment`, unless it is later; who waited for it is woken in the loop's turn."""
        self._now = max(self._now, moment)
        self._expire()

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        for limit in [each for each, when in self._limits.items() if when <= self._now]:
            del self._limits[limit]
            limit.reschedule(now)
