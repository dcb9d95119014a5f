"""One row of the journal: a step as it is shown outside, and how rows are written and read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..status import StepRecord

if TYPE_CHECKING:
    import sqlite3

_INSERT = "INSERT INTO steps (ts, json) VALUES (?, ?)"
_SELECT = "SELECT json FROM steps WHERE ts >= ? ORDER BY id DESC LIMIT ?"


class Entry(StepRecord):
    """One step as the journal keeps it."""

    taken: bool = True
    """Always: what was ignored is only counted."""
    missed: int
    """How many steps just before this one could not be recorded."""


def insert(connection: sqlite3.Connection, record: StepRecord, *, missed: int) -> None:
    """Write one row, in the caller's transaction."""
    entry = Entry(**record.model_dump(), missed=missed)
    connection.execute(_INSERT, (sortable(record.ts), entry.model_dump_json(exclude={"taken"})))


def select(
    connection: sqlite3.Connection, since: datetime | None, limit: int | None
) -> tuple[Entry, ...]:
    """Read the newest rows, oldest first. Raises sqlite3.Error, ValidationError."""
    rows = connection.execute(
        _SELECT, (sortable(since) if since else "", -1 if limit is None else limit)
    ).fetchall()
    return tuple(Entry.model_validate_json(text) for (text,) in reversed(rows))


def sortable(moment: datetime) -> str:
    """Write a time so that the order of the texts is the order of the times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
