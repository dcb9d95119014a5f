"""What was notified and what is still to be said, kept with the session across restarts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import BaseModel, ValidationError

from .. import private_files
from ..errors import StoreError
from .incidents import Notified
from .notice import Notice

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("wa_supervisor")

FILE: Final = "notices.json"
_LONGEST: Final = 2**20  # bytes


class Memory(BaseModel):
    """The content, wherever it is kept."""

    notified: Notified = Notified()
    unsaid: dict[str, list[Notice]] = {}
    """By channel: what it has not taken yet, the oldest first."""


class NoticeMemory(Protocol):
    """Where the content of one session is. Its methods block for a short time."""

    def read(self) -> bytes | None:
        """Return it; None if there is none. Raises StoreError."""

    def write(self, content: bytes) -> None:
        """Keep this in place of the former. Raises StoreError, LockHeld if another keeps it now."""


class FileMemory:
    """Keeps it in a private file beside the session."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """Read the file."""
        with private_files.explained("read what was notified", self._path):
            try:
                return private_files.read(self._path, _LONGEST)
            except FileNotFoundError:
                return None

    def write(self, content: bytes) -> None:
        """Replace the file."""
        with private_files.explained("keep what was notified", self._path):
            private_files.replace(self._path, content)


def load(place: NoticeMemory | None) -> Memory:
    """Read it. What cannot be read is begun anew, and the log says so: better notified twice."""
    if place is None:
        return Memory()
    try:
        content = place.read()
        return Memory() if content is None else Memory.model_validate_json(content)
    except (StoreError, ValidationError) as error:
        why = type(error).__name__
        log.warning("what was notified before cannot be read (%s); begun anew", why)
        return Memory()
