"""Reading a journal from outside its supervisor: nothing is created, nothing is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
            )
    except (sqlite3.Error, ValidationError) as error:
        raise schema.failed(path, "read", error) from error


@dataclass(frozen=True, slots=True)
class Numbered:
    """A step and its number in the journal, which only grows."""

    number: int
    entry: Entry


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
                (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM steps").fetchone()
                number = max(0, last + number)
            rows = connection.execute(
                "SELECT id, json FROM steps WHERE id > ? ORDER BY id LIMIT ?", (number, limit)
            ).fetchall()
            return tuple(Numbered(row, Entry.model_validate_json(text)) for row, text in rows)
    except (sqlite3.Error, ValidationError) as error:
        raise schema.failed(path, "read", error) from error


def _check(path: Path) -> None:
    """See that the directory is ours, and that the journal is there and not in a fleet's database.

    Raises JournalError, UnsafePermissions.
    """
    with private_files.explained("read the journal", path.parent, JournalError):
        private_files.check_owners(path.parent)
    refuse_fleets(SessionFiles(path.parent.name, path.parent), JournalError)
