"""Calls whoever asked to hear, so that none of them can harm the caller or each other.

A plain function is called at once, on the caller's thread; what it raises is logged. A coroutine
function is called by a task of its own, one item after the other; of what it has not taken up a
bounded number waits, and it is said how much was not handed over.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

log = logging.getLogger("wa_supervisor")

MOST_WAITING: Final = 1000
"""Items that wait for one coroutine function; of more the oldest is dropped."""

T = TypeVar("T")
Listener: TypeAlias = Callable[[T], object]
"""Called with each item; a coroutine that it returns is awaited."""


class Listeners(Generic[T]):
    """Everybody who asked to hear of one thing. For the loop's thread, but for `add`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._each: list[_Guarded[T]] = []

    def add(self, listener: Listener[T]) -> None:
        """Have `listener` called from now on."""
        self._each.append(_Guarded(self._what, listener))

    def call(self, item: T) -> None:
        """Hand an item to everybody; never raises and never waits."""
        for each in tuple(self._each):
            each.call(item)

    async def aclose(self, within: float) -> None:
        """Let coroutine functions finish what waits, but no longer than so many seconds."""
        tasks = {each.task for each in self._each if each.task is not None}
        for each in self._each:
            each.finish()
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=within)
            for task in hanging:
                task.cancel()


class _Guarded(Generic[T]):
    """One listener."""

    def __init__(self, what: str, listener: Listener[T]) -> None:
        self.task: asyncio.Task[None] | None = None
        self._what = what
        self._listener = listener
        self._failures = 0
        self._missed = 0
        self._waiting: deque[T] = deque()
        self._news = asyncio.Event()
        self._finishing = False
        self._is_coroutine = inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(
            getattr(listener, "__call__", None)  # noqa: B004 - an object with `async def __call__`
        )

    def call(self, item: T) -> None:
        if self._is_coroutine:
            self._queue(item)
            return
        try:
            result = self._listener(item)
        # Cancelled is a future whose result it asked for, not we: nothing is awaited here.
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - somebody else's code
            self._report(error)
            return
        if inspect.isawaitable(result):
            # A lambda, say. This item is under way already; from now on it is known.
            self._is_coroutine = True
            self._begin(result)

    def finish(self) -> None:
        self._finishing = True
        self._news.set()

    def _queue(self, item: T) -> None:
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft()
            if not self._missed:
                log.warning("%s is too slow: it does not hear of every %s", self, self._what)
            self._missed += 1
        self._waiting.append(item)
        self._news.set()
        if self.task is None:
            self._begin(None)

    def _begin(self, first: Awaitable[object] | None) -> None:
        self.task = asyncio.create_task(self._work(first), name=f"listener of {self._what}s")

    async def _work(self, first: Awaitable[object] | None) -> None:
        if first is not None:
            await self._guard(first)
        while True:
            while self._waiting:
                await self._guard_call(self._waiting.popleft())
            if self._finishing:
                return
            self._news.clear()
            await self._news.wait()

    async def _guard_call(self, item: T) -> None:
        try:
            result = self._listener(item)
        except Exception as error:  # noqa: BLE001 - as above
            self._report(error)
            return
        if inspect.isawaitable(result):
            await self._guard(result)

    async def _guard(self, coroutine: Awaitable[object]) -> None:
        try:
            await coroutine
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._report(error)
        except Exception as error:  # noqa: BLE001 - as above
            self._report(error)

    def _report(self, error: BaseException) -> None:
        """Log what it raised: in full the first time, then every tenfold, so that no log drowns."""
        self._failures += 1
        if self._failures == 1:
            text = "%s, which listens to %ss, raised an exception"
            log.error(text, self, self._what, exc_info=error)
        elif math.log10(self._failures).is_integer():
            log.error("%s has raised %s exceptions", self, self._failures)

    def __str__(self) -> str:
        return getattr(self._listener, "__qualname__", None) or type(self._listener).__name__
