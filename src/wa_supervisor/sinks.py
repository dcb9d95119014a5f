"""Has QRs and pair codes shown by threads of their own: a file system may hang, a terminal stall.

Only the newest code counts, so nothing queues up behind a sink that is slow.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

from .errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import SecretStr

    from .pairing.sink import Sink

log = logging.getLogger("wa_supervisor")

_POLL = 0.005  # seconds


class Sinks:
    """All places where a code is shown. None of the methods but `aclose` waits for one."""

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._threads = [_SinkThread(sink) for sink in sinks]

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
        end = time.monotonic() + within
        # A thread's end sets no event of ours.
        while any(each.is_alive for each in self._threads) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(_POLL)
        for thread in self._threads:
            if thread.is_alive:
                log.warning("%s does not return: a code may still be shown there", thread)

    def _each(self, do: Callable[[Sink], None], *, last: bool = False) -> None:
        for thread in self._threads:
            thread.do(do, last=last)


class _SinkThread:
    """Does for one sink what was asked for last, on a thread that is begun when it is needed."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._next: Callable[[Sink], None] | None = None
        self._over = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def do(self, do: Callable[[Sink], None], *, last: bool) -> None:
        with self._news:
            if self._over:
                return
            self._next, self._over = do, last
            self._news.notify()
        if self._thread is None:
            # A daemon: one that hangs must not keep the program from ending.
            self._thread = threading.Thread(target=self._work, daemon=True, name=f"sink {self}")
            self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        last = False
        while not last:
            with self._news:
                while self._next is None:
                    self._news.wait()
                do, self._next, last = self._next, None, self._over
            try:
                do(self._sink)
            except Exception as error:  # noqa: BLE001 - it may be somebody else's code
                log.warning(
                    "a code could not be shown or taken away by %s: %s", self, _explained(error)
                )

    def __str__(self) -> str:
        return type(self._sink).__name__


def _explained(error: Exception) -> str:
    """Say what went wrong, as far as that quotes no code: of what is not ours only the kind."""
    return str(error) if isinstance(error, StoreError | OSError) else type(error).__name__
