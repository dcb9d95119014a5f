"""Room for the times of dials, kept for when the journal cannot be written.

A full disk takes no new row, but it lets a file be overwritten that has its place already (a file
system that copies on write may refuse that, too). So the dials of such a time are counted here and
survive a restart: the dial budget holds whatever becomes of the journal.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from .. import private_files
from ..errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIZE: Final = 8192  # bytes; two pages are written as good as at once
MOST: Final = 200
"""How many dials have room; of a greater budget the newest are kept."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dials: tuple[AwareDatetime, ...] = ()


class Reserve:
    """One session's reserve. Every method is short, blocks, and may raise JournalError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Take the room on the disk, once."""
        with self._explained("make"):
            private_files.make_empty(self._path)
            if self._path.stat().st_size < _SIZE:
                self._write(_Kept())

    def read(self) -> tuple[AwareDatetime, ...]:
        """The times that were written last."""
        with self._explained("read"):
            return _Kept.model_validate_json(self._path.read_bytes()).dials

    def write(self, dials: tuple[AwareDatetime, ...]) -> None:
        """Have these times on the disk, in place of those before."""
        with self._explained("write"):
            self._write(_Kept(dials=dials[-MOST:]))

    def _write(self, kept: _Kept) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            os.pwrite(descriptor, kept.model_dump_json().encode().ljust(_SIZE), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _explained(self, deed: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValidationError) as error:
            why = getattr(error, "strerror", None) or "its content is not what was written"
            raise JournalError(
                f"cannot {deed} {self._path.name}: {why}",
                hint=f"check the free space of the disk and who owns {self._path}",
            ) from error
