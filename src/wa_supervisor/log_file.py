"""The log that `run` keeps beside a session, so that it can be read where nothing else kept it.

It is private, bounded (the file and one older, each of a given size), and written by a thread of
its own: a disk that is full, hangs or is gone costs lines of this file and nothing else. Nothing is
synced: it is for reading, and no promise rests on it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from . import private_files
from .errors import StoreError
from .output import BoundedText

if TYPE_CHECKING:
    from collections.abc import Callable


class LogFile(BoundedText):
    """A text stream into `path`, which begins anew once it holds `max_bytes`.

    It is held until `begin`, which is to be called once the session's lock is: two programs must
    not turn one file over. The directory is never made: where it is gone, lines are lost.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        *,
        notice: Callable[[int], str],
        on_loss: Callable[[str], None],
    ) -> None:
        super().__init__(notice=notice, on_loss=on_loss, held=True)
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor: int | None = None
        self._torn = False

    def deliver(self, data: bytes) -> str | None:
        """Append it to the file, a new one if it is full. Return what went wrong, if anything."""
        left = memoryview(b"\n" + data if self._torn else data)
        try:
            descriptor = self._opened(len(left))
            while left:
                left = left[os.write(descriptor, left) :]
                self._torn = bool(left)
        except OSError as error:
            self._close()
            return error.strerror or type(error).__name__
        except StoreError as error:
            return str(error)
        return None

    def _opened(self, more: int) -> int:
        """Return the file to write `more` bytes to. Raises OSError, StoreError."""
        if self._descriptor is not None and not private_files.is_open_file(
            self._path, self._descriptor
        ):
            self._close()  # deleted, moved, or the whole volume is gone
        if self._descriptor is None:
            self._descriptor = private_files.open_to_append(self._path)
        size = os.fstat(self._descriptor).st_size
        if size and size + more > self._max_bytes:
            self._path.replace(older(self._path))
            self._close()
            self._descriptor = private_files.open_to_append(self._path)
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def older(path: Path) -> Path:
    """Say where the lines are that were written before those in `path`."""
    return path.with_name(f"{path.name}.1")
