"""Has QRs and pair codes shown beside the loop: a file system may hang, a terminal stall.

A sink is called on a thread of its own, an async one by a task of its own. Only the newest code
counts, so nothing queues up behind a sink that is slow.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

from .errors import StoreError
from .pairing.current import CurrentCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import SecretStr

    from .pairing.sink import AsyncSink, Sink

log = logging.getLogger("wa_supervisor")

_POLL = 0.005  # seconds


class Sinks:
    """All places where a code is shown. None of the methods but `aclose` waits for one."""

    def __init__(self, sinks: Iterable[Sink | AsyncSink]) -> None:
        self._workers: list[_Worker] = [_worker(sink) for sink in sinks]

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Show this QR in place of what is shown; it dies in `lifetime` seconds."""
        self._each(lambda sink: sink.show_qr(payload, lifetime))

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Show this pair code in place of what is shown; it dies in `lifetime` seconds."""
        self._each(lambda sink: sink.show_code(code, lifetime))

    def hide(self) -> None:
        """Take away what is shown."""
        self._each(lambda sink: sink.hide())

    async def aclose(self, within: float) -> None:
        """Take everything away for good; wait no longer than so many seconds for it."""
        self._each(lambda sink: sink.close(), last=True)
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        # A thread's end sets no event of ours.
        while any(each.is_alive for each in self._workers) and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(_POLL)
        for each in self._workers:
            if each.is_alive:
                log.warning("%s does not return: a code may still be shown there", each.name)
                each.abandon()

    def _each(self, do: Callable[[Any], Any], *, last: bool = False) -> None:
        for worker in self._workers:
            worker.do(do, last=last)


class _Worker(Protocol):
    """Does for one sink what was asked for last. Begun when it is needed."""

    name: str

    @property
    def is_alive(self) -> bool: ...

    def do(self, do: Callable[[Any], Any], *, last: bool) -> None: ...

    def abandon(self) -> None: ...


class _NoWorker:
    """Calls a sink at once: ours, which waits for nothing."""

    is_alive = False

    def __init__(self, sink: CurrentCode) -> None:
        self.name = type(sink).__name__
        self._sink = sink

    def do(self, do: Callable[[Any], Any], *, last: bool) -> None:
        del last
        do(self._sink)

    def abandon(self) -> None:
        """Do nothing."""


class _SinkThread:
    """The worker of a plain sink: a thread for as long as there is something to do."""

    def __init__(self, sink: Sink | AsyncSink) -> None:
        self.name = type(sink).__name__
        self._sink = sink
        self._next: Callable[[Any], Any] | None = None
        self._over = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None

    def do(self, do: Callable[[Any], Any], *, last: bool) -> None:
        with self._lock:
            if self._over:
                return
            self._next, self._over = do, last
            if self._thread is not None:
                return
            # A daemon: one that hangs must not keep the program from ending.
            self._thread = threading.Thread(
                target=self._work, daemon=True, name=f"sink {self.name}"
            )
        try:
            self._thread.start()
        except RuntimeError:  # no thread can be had now
            self._thread = None
            raise

    def abandon(self) -> None:
        """Leave it: nothing ends a thread from outside."""

    def _work(self) -> None:
        while True:
            with self._lock:
                do, self._next = self._next, None
                if do is None:
                    self._thread = None
                    return
            try:
                do(self._sink)
            except Exception as error:  # noqa: BLE001 - it may be somebody else's code
                _warn(self.name, error)


class _SinkTask:
    """The worker of an async sink."""

    def __init__(self, sink: Sink | AsyncSink) -> None:
        self.name = type(sink).__name__
        self._sink = sink
        self._next: Callable[[Any], Any] | None = None
        self._over = False
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        return self._task is not None and not self._task.done()

    def do(self, do: Callable[[Any], Any], *, last: bool) -> None:
        if self._over:
            return
        self._next, self._over = do, last
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"sink {self.name}")

    def abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        last = False
        while not last:
            await self._news.wait()
            self._news.clear()
            do, self._next, last = self._next, None, self._over
            if do is None:
                continue
            try:
                await do(self._sink)
            except Exception as error:  # noqa: BLE001 - it may be somebody else's code
                _warn(self.name, error)


def _worker(sink: Sink | AsyncSink) -> _Worker:
    if isinstance(sink, CurrentCode):
        return _NoWorker(sink)
    return _SinkTask(sink) if inspect.iscoroutinefunction(sink.show_qr) else _SinkThread(sink)


def _warn(name: str, error: Exception) -> None:
    """Log what went wrong, as far as that quotes no code: of what is not ours only the kind."""
    why = error if isinstance(error, StoreError | OSError) else type(error).__name__
    log.warning("a code could not be shown or taken away by %s: %s", name, why)
