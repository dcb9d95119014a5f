"""One row of the journal: a step as it is told outside, and how rows are written and read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..redaction import redact
from ..status import StepRecord

if TYPE_CHECKING:
    import sqlite3

_COLUMNS = (
    *("ts", "session", "fact", "before", "after", "shade", "reason", "effects", "generation"),
    *("retries", "not_before", "detail", "missed"),
)
_NAMES = ", ".join(_COLUMNS)
_INSERT = f"INSERT INTO steps ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_SELECT = f"""
    SELECT {_NAMES} FROM steps WHERE ts >= ? ORDER BY id DESC LIMIT ?
"""  # noqa: S608 - names of ours


class Entry(StepRecord):
    """One step as the journal keeps it."""

    detail: str
    """The redacted particulars of what went wrong last."""
    missed: int
    """How many steps just before this one could not be recorded."""


def insert(connection: sqlite3.Connection, record: StepRecord, *, detail: str, missed: int) -> None:
    """Write one row, in the caller's transaction."""
    connection.execute(
        _INSERT,
        (
            sortable(record.ts),
            record.session,
            record.fact,
            record.before,
            record.after,
            record.shade,
            record.reason,
            " ".join(record.effects),
            record.generation,
            record.retries,
            record.not_before and sortable(record.not_before),
            redact(detail),
            missed,
        ),
    )


def select(
    connection: sqlite3.Connection, since: datetime | None, limit: int | None
) -> tuple[Entry, ...]:
    """Read the newest rows, oldest first. Raises sqlite3.Error, ValidationError."""
    rows = connection.execute(
        _SELECT, (sortable(since) if since else "", -1 if limit is None else limit)
    ).fetchall()
    return tuple(_entry(dict(zip(_COLUMNS, row, strict=True))) for row in reversed(rows))


def sortable(moment: datetime) -> str:
    """Write a time so that the order of the texts is the order of the times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _entry(row: dict[str, Any]) -> Entry:
    row["effects"] = row["effects"].split()
    return Entry(taken=True, **row)
