"""Reading a journal from outside its supervisor: nothing is created, nothing is changed.

`Reading` is the seam: `FileReading` reads a file, `fleet.records.FleetReading` a fleet's database.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from .. import private_files
from ..errors import JournalError
from ..hints import Action, Hint
from ..store.fleet_note import refuse_fleets
from ..store.layout import SessionFiles
from . import schema
from .entries import Entry, select
from .memory import Memory

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Past:
    """What a journal said at one moment."""

    entries: tuple[Entry, ...]
    memory: Memory | None
    """What the supervisor remembers; None if it never took a step."""
    ignored: int
    """Facts that meant nothing where they came, since the journal began."""
    last: int = 0
    """The number of the newest step in the journal, whether it is among these or not."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A step and its number in the journal, which only grows."""

    number: int
    entry: Entry


class Reading(Protocol):
    """A journal as whoever is not its supervisor reads it. Each method blocks for a short time."""

    def read(self, *, since: datetime | None = None, limit: int | None = None) -> Past:
        """Read the newest `limit` steps not before `since`, oldest first, and the memory.

        Raises JournalError if it cannot be read.
        """

    def read_after(self, number: int, limit: int) -> tuple[Numbered, ...]:
        """Read up to `limit` steps after this number, oldest first.

        A negative number counts from the end. Raises as `read`.
        """


@dataclass(frozen=True, slots=True)
class FileReading:
    """Reads a journal's file."""

    path: Path

    def read(self, *, since: datetime | None = None, limit: int | None = None) -> Past:
        """Read it, see `read`."""
        return read(self.path, since=since, limit=limit)

    def read_after(self, number: int, limit: int) -> tuple[Numbered, ...]:
        """Read on, see `read_after`."""
        return read_after(self.path, number, limit)


def read(path: Path, *, since: datetime | None = None, limit: int | None = None) -> Past:
    """Read the newest `limit` steps not before `since`, oldest first, and the memory.

    Works while a supervisor runs and holds it up at no time. Raises JournalError if there is no
    journal, or none that can be read, UnsafePermissions if it is another user's.
    """
    _check(path)
    if not path.exists():
        raise JournalError(
            f"there is no {path.name}: this session was never run",
            hint=Hint(Action.SET, "session", note="or `data_dir`, where sessions are kept"),
        )
    try:
        with closing(schema.connect_to_read(path)) as connection:
            if schema.is_empty(connection):
                return Past((), None, 0)
            connection.execute("BEGIN")  # one moment for all that follows
            found = connection.execute("SELECT json FROM memory").fetchone()
            (ignored,) = connection.execute(
                "SELECT coalesce(sum(count), 0) FROM ignored"
            ).fetchone()
            return Past(
                entries=select(connection, since, limit),
                memory=Memory.model_validate_json(found[0]) if found else None,
                ignored=ignored,
                last=_last(connection),
            )
    except (sqlite3.Error, ValidationError) as error:
        raise schema.failed(path, "read", error) from error


def read_after(path: Path, number: int, limit: int) -> tuple[Numbered, ...]:
    """Read up to `limit` steps after this number, oldest first; a negative one counts from the end.

    Raises as `read` does.
    """
    _check(path)
    try:
        with closing(schema.connect_to_read(path)) as connection:
            if schema.is_empty(connection):
                return ()
            if number < 0:
                number = max(0, _last(connection) + number)
            rows = connection.execute(
                "SELECT id, json FROM steps WHERE id > ? ORDER BY id LIMIT ?", (number, limit)
            ).fetchall()
            return tuple(Numbered(row, Entry.model_validate_json(text)) for row, text in rows)
    except (sqlite3.Error, ValidationError) as error:
        raise schema.failed(path, "read", error) from error


def _last(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM steps").fetchone()
    return int(last)


def _check(path: Path) -> None:
    """See that the directory is ours, and that the journal is there and not in a fleet's database.

    Raises JournalError, UnsafePermissions.
    """
    with private_files.explained("read the journal", path.parent, JournalError):
        private_files.check_owners(path.parent)
    name = path.parent.name
    hint = Hint(Action.FLEET_HISTORY, name)
    refuse_fleets(SessionFiles(name, path.parent), JournalError, hint)
