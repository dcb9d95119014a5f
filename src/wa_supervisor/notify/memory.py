"""What was notified and what is still to be said, kept beside the session across restarts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from .. import private_files
from .incidents import Notified
from .notice import Notice

log = logging.getLogger("wa_supervisor")

FILE: Final = "notices.json"
_LONGEST: Final = 2**20  # bytes


class Memory(BaseModel):
    """The content of the file."""

    notified: Notified = Notified()
    unsaid: dict[str, list[Notice]] = {}
    """By channel: what it has not taken yet, the oldest first."""


def load(path: Path | None) -> Memory:
    """Read it. What cannot be read is begun anew, and the log says so: better notified twice."""
    if path is None:
        return Memory()
    try:
        return Memory.model_validate_json(private_files.read(path, _LONGEST))
    except FileNotFoundError:
        return Memory()
    except (OSError, ValidationError) as error:
        why = type(error).__name__
        log.warning("what was notified before cannot be read (%s); begun anew", why)
        return Memory()


def save(path: Path | None, content: bytes) -> None:
    """Write it. Raises OSError."""
    if path is not None:
        private_files.replace(path, content)
