"""How many session processes of a program may be starting at once."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Final

AT_ONCE: Final = max(2, os.cpu_count() or 1)
"""A start is CPU work: loading Go, opening the database. Of 200 at once on two cores one fork took
longer than 10 s; two at a time, all were up in 36 s."""


class Turns:
    """Lets so many take a turn at a time; the others wait in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Return once it is the caller's turn; `give_back` must follow."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had just come
                self.give_back()
            raise

    def give_back(self) -> None:
        """End a turn that was taken."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
