"""Waiting, with a deadline, until something about the server is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from .errors import LoopbackTimeout

_T = TypeVar("_T")


class Waiters:
    """Those who wait for a change. `wake` makes each look again."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def next(self) -> None:
        """Wait for the next change, however long that is."""
        await self._changed.wait()

    async def until(self, probe: Callable[[], _T | None], *, within: float, what: str) -> _T:
        """Return the probe's first answer which is not None.

        Raises `LoopbackTimeout` after `within` seconds.
        """
        try:
            async with asyncio.timeout(within):
                while (found := probe()) is None:
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise LoopbackTimeout(f"{what} did not happen within {within:g} s") from None
