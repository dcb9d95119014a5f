"""What `run` notes of its own end, for those who ask once nobody is there to answer."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from . import private_files

_NAME: Final = "exit.json"
_LONGEST: Final = 1024  # bytes


class ExitRecord(BaseModel):
    """How a supervisor's process ended."""

    model_config = ConfigDict(frozen=True)

    pid: int
    code: int
    at: AwareDatetime


def note_exit(directory: Path, code: int) -> None:
    """Note that this process ends with this code. Raises OSError."""
    record = ExitRecord(pid=os.getpid(), code=code, at=datetime.now(UTC))
    private_files.replace(directory / _NAME, record.model_dump_json().encode())


def read_exit(directory: Path) -> ExitRecord | None:
    """Return what was noted last; None if nothing that can be read was."""
    try:
        return ExitRecord.model_validate_json(private_files.read(directory / _NAME, _LONGEST))
    except (OSError, ValidationError):
        return None
