"""Is the session paired? Asked of whatsmeow's own table, not of a file's size."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ...sqlite_files import primary_code
from . import errors
from .database import connect, has_device

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

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
        return _ask(database, "ro")
    except sqlite3.DatabaseError as error:
        if primary_code(error) not in _NEEDS_WRITER:
            raise errors.store_error(database, error) from error
    try:
        return _ask(database, "rw")
    except sqlite3.DatabaseError as error:
        raise errors.store_error(database, error) from error


def _ask(database: Path, mode: Literal["ro", "rw"]) -> bool:
    with closing(connect(database, mode)) as connection:
        return has_device(connection)
