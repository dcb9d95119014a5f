"""Makes what was written survive a power cut, on a thread of its own.

One fdatasync for all that was written since the last, and never more often than each 50 ms: whoever
appends must not wait for the disk, and a disk that is kept busy would make it wait.
"""

from __future__ import annotations

import contextlib
import enum
import os
import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ..private_files import sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable

APART: Final = 0.05  # seconds
_CLOSING: Final = 2.0  # seconds that the end waits for a slow disk

_fdatasync = getattr(os, "fdatasync", os.fsync)


class _Order(enum.Enum):
    BEGAN = enum.auto()
    WROTE = enum.auto()
    FINISHED = enum.auto()
    CLOSE = enum.auto()


_Item: TypeAlias = tuple[_Order, int]


class Synchroniser:
    """Synchronises the segments of one writer. Its methods but `close` never wait."""

    def __init__(self, directory: Path, on_error: Callable[[OSError], None]) -> None:
        self._directory = directory
        self._on_error = on_error
        self._orders: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._asked = False
        self._last = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True, name="log-sync")
        self._thread.start()

    def began(self) -> None:
        """Have the name of a new segment on the disk; from now on it is what is written to."""
        self._asked = False
        self._orders.put((_Order.BEGAN, -1))

    def wrote(self, descriptor: int) -> None:
        """Have what was written to a file on the disk, soon."""
        if not self._asked:
            self._asked = True
            self._orders.put((_Order.WROTE, descriptor))

    def finished(self, descriptor: int) -> None:
        """Have the whole file on the disk and close it; nobody else may use it from now on."""
        self._orders.put((_Order.FINISHED, descriptor))

    def close(self) -> None:
        """Do what was asked for and end; a disk that does not answer is left behind after 2 s."""
        self._orders.put((_Order.CLOSE, -1))
        self._thread.join(_CLOSING)

    def _run(self) -> None:
        while True:
            order, descriptor = self._orders.get()
            if order is _Order.CLOSE:
                return
            try:
                self._do(order, descriptor)
            except OSError as error:
                self._on_error(error)

    def _do(self, order: _Order, descriptor: int) -> None:
        if order is _Order.BEGAN:
            sync_directory(self._directory)
            return
        if order is _Order.WROTE:
            time.sleep(max(0.0, self._last + APART - time.monotonic()))
            self._asked = False  # before: what is written from here on asks again
        try:
            _fdatasync(descriptor)
        finally:
            self._last = time.monotonic()
            if order is _Order.FINISHED:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
