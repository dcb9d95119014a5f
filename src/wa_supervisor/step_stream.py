"""The steps of a session as an async iterator, and waiting for one of its states."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lifecycle import Step

MOST_WAITING: Final = 1000
"""Steps that wait for a reader; of more the oldest is dropped, and counted."""


class StepStream:
    """Steps from the moment it was made until the run is over, in order. For one reader."""

    def __init__(self) -> None:
        self.missed = 0
        """How many steps were dropped because the reader was too slow."""
        self._waiting: deque[Step] = deque()
        self._news = asyncio.Event()
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Step:
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def put(self, step: Step) -> None:
        """Hand it a step; never waits."""
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft()
            self.missed += 1
        self._waiting.append(step)
        self._news.set()

    def end(self) -> None:
        """Let it end after the last step."""
        self._over = True
        self._news.set()


@dataclass
class Waiting:
    """Somebody who waits for something to become so; looked at with each step, so none is missed.

    `look` returns whether it is so, and raises as soon as it can never be.
    """

    look: Callable[[], bool]
    over: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def check(self) -> None:
        """Look again."""
        if self.over.done():
            return
        try:
            if self.look():
                self.over.set_result(None)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self.over.set_exception(error)
