"""Is the session paired? Asked of whatsmeow's own table, not of a file's size."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 2.0  # seconds to wait for another process that writes the database
# A process killed while it wrote leaves work that only a writer may finish
# (https://sqlite.org/rescode.html: READONLY_ROLLBACK, READONLY_RECOVERY, CANTOPEN of a WAL).
_NEEDS_WRITER = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def is_paired(database: Path) -> bool:
    """Say whether a device is registered: whatsmeow writes its row when the pairing succeeds.

    To be called only while no session process lives. A missing or empty file, or one without
    whatsmeow's tables, is not paired. Nothing is created. A transaction that a killed process
    left half done is rolled back first. Raises StoreError if the file is damaged or locked.
    """
    if not database.exists():
        return False
    try:
        return _has_device(database, "ro")
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _NEEDS_WRITER:
            raise _unreadable(database, error) from error
    try:
        return _has_device(database, "rw")
    except sqlite3.DatabaseError as error:
        raise _unreadable(database, error) from error


def _has_device(database: Path, mode: str) -> bool:
    uri = f"{database.absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_TIMEOUT)) as connection:
        known = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'whatsmeow_device'"
        ).fetchone()
        if known is None:
            return False
        # Selecting the column proves that the table is the one we mean; its value stays there.
        return connection.execute("SELECT jid FROM whatsmeow_device LIMIT 1").fetchone() is not None


def _unreadable(database: Path, error: sqlite3.DatabaseError) -> StoreError:
    return StoreError(
        f"cannot read {database.name}: {error}",
        hint=f"restore a backup of {database}, or remove it to pair anew",
    )
