"""A note in a session's directory: a worker of a fleet uses it, so memory and keys are elsewhere.

Whoever looks at the directory alone must not take the session for one that never ran, and must not
start it there: it would be paired anew beside the one that lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import private_files
from ..errors import StoreError
from ..hints import Action, Hint

if TYPE_CHECKING:
    from .layout import SessionFiles

_MOST: Final = 4096  # bytes


class FleetNote(BaseModel):
    """Which worker used the directory last, and as which owner of the session."""

    model_config = ConfigDict(frozen=True)

    worker: str = Field(max_length=255)
    epoch: int
    """See `fleet.ownership.Ownership`."""


def read_note(files: SessionFiles) -> FleetNote | None:
    """Return the note; None if the directory is no fleet's. Raises StoreError if it is spoilt."""
    try:
        content = private_files.read(files.fleet_note, _MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(files, error.strerror or type(error).__name__) from error
    try:
        return FleetNote.model_validate_json(content)
    except ValidationError:
        raise _unreadable(files, "its content is not what was written") from None


def write_note(files: SessionFiles, note: FleetNote) -> None:
    """Keep the note, which lasts. Raises StoreError."""
    with private_files.explained("note that the session is a fleet's", files.directory):
        private_files.replace(files.fleet_note, note.model_dump_json().encode())


def refuse_fleets(
    files: SessionFiles, error: type[StoreError] = StoreError, hint: Hint | None = None
) -> None:
    """Raise an error, with this hint or the usual, if a worker of a fleet uses the directory."""
    note = read_note(files)
    if note is not None:
        raise error(says_where(files, note), hint=hint or hint_for(files))


def says_where(files: SessionFiles, note: FleetNote) -> str:
    """Say where the session's memory is."""
    return (
        f"the session {files.name!r} is a fleet's, on its worker {note.worker!r} last: its keys "
        "and its memory are in the fleet's database"
    )


def hint_for(files: SessionFiles) -> Hint:
    """Return what helps whoever looks for the session here alone."""
    return Hint(
        Action.FLEET_STATUS,
        note=f"without {files.fleet_note.name} in its directory it would begin here afresh, "
        "unpaired",
    )


def _unreadable(files: SessionFiles, why: str) -> StoreError:
    return StoreError(
        f"cannot read {files.fleet_note.name}: {why}",
        hint=Hint(Action.CHECK_DISK, str(files.fleet_note)),
    )
