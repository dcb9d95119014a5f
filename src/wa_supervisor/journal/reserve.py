"""Room for the times of dials, kept for when the journal cannot be written.

A full disk takes no new row, but it lets a file be overwritten that has its place already (a file
system that copies on write may refuse that, too). So the dials of such a time are counted here and
survive a restart: the dial budget holds whatever becomes of the journal.

The file has two slots, written in turn. What a power cut tears is one of them; its digest gives it
away, and the other still says what was known before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from .. import private_files
from ..errors import JournalError
from ..hints import Action, Hint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SLOT: Final = 8192
"""Bytes of a slot."""
_SLOTS: Final = 2
MOST: Final = 200
"""How many dials have room; of a greater budget the newest are kept."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = 0
    """Of the writing; the higher one is newer, and says which slot it is in."""
    dials: tuple[AwareDatetime, ...] = ()


class Reserve:
    """One session's reserve. Every method is short, blocks, and may raise JournalError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Take the room on the disk, once."""
        with self._explained("make"):
            private_files.make_empty(self._path)
            if not self._path.stat().st_size:
                private_files.replace(self._path, _encode(_Kept()).ljust(_SLOTS * _SLOT))

    def read(self) -> tuple[AwareDatetime, ...]:
        """The times that were written last."""
        return self._newest().dials

    def write(self, dials: tuple[AwareDatetime, ...]) -> None:
        """Have these times on the disk, in place of those before."""
        try:
            number = self._newest().number + 1
        except JournalError:  # what is spoilt is written over
            number = 0
        with self._explained("write"):
            kept = _Kept(number=number, dials=dials[-MOST:])
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                os.pwrite(descriptor, _encode(kept), number % _SLOTS * _SLOT)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _newest(self) -> _Kept:
        with self._explained("read"):
            content = private_files.read(self._path)
            slots = [content[at * _SLOT : (at + 1) * _SLOT] for at in range(_SLOTS)]
            return max(filter(None, map(_decode, slots)), key=lambda kept: kept.number)

    @contextlib.contextmanager
    def _explained(self, task: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "its content is not what was written"
            raise JournalError(
                f"cannot {task} {self._path.name}: {why}",
                hint=Hint(Action.CHECK_DISK, str(self._path)),
            ) from error


def _encode(kept: _Kept) -> bytes:
    content = kept.model_dump_json().encode()
    return (hashlib.sha256(content).hexdigest().encode() + b" " + content).ljust(_SLOT)


def _decode(slot: bytes) -> _Kept | None:
    """Read a slot; None if it is empty, or was torn."""
    digest, _, content = slot.strip().partition(b" ")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    return _Kept.model_validate_json(content)
