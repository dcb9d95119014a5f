"""A thread for what may wait for the disk, so that a loop never does."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from .errors import MessagesError

DISK_TIMEOUT: Final = 5.0
"""Seconds a caller waits for the disk. What it asked for may be done later all the same."""

_T = TypeVar("_T")
_Task = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Worker:
    """Runs calls one after another on a thread of its own, which holds up no end of a process."""

    def __init__(self, name: str, error: type[MessagesError]) -> None:
        self._error = error
        self._late: asyncio.Future[Any] | None = None
        self._closed = False
        self._under_way = 0
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name=name).start()

    async def run(self, call: Callable[[], _T], within: float = DISK_TIMEOUT) -> _T:
        """Run a call on the thread and return what it returns.

        Raises what it raises, and the worker's own kind of error if the disk does not answer within
        so many seconds or has not answered an earlier call yet.
        """
        if self._closed:
            raise self._error("it is closed")
        if self._late is not None and not self._late.done():
            raise self._hangs()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._under_way += 1
        future.add_done_callback(self._done)
        future.add_done_callback(_forget)  # whoever asked may be cancelled meanwhile
        self._tasks.put((call, loop, future))
        done, _ = await asyncio.wait({future}, timeout=within)
        if not done:
            self._late = future
            raise self._hangs()
        return future.result()

    @property
    def is_idle(self) -> bool:
        """Whether the thread has answered everything. For tests."""
        return self._under_way == 0

    def close(self) -> None:
        """End the thread once everything before this is done; nothing is run after it."""
        self._closed = True
        self._tasks.put(None)

    def _done(self, future: asyncio.Future[Any]) -> None:
        del future
        self._under_way -= 1

    def _hangs(self) -> MessagesError:
        return self._error("the disk does not answer", hint="check the disk")

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            call, loop, future = task
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                _post(loop, future, None, error)
            else:
                _post(loop, future, result, None)
            del task, call, future


def _post(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[Any],
    result: object,
    error: BaseException | None,
) -> None:
    def settle() -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more


def _forget(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
