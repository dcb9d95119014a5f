"""What SQLite's errors mean for a session's keys."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from ...errors import Damaged, StoreError, Unreachable
from ...hints import Action, Hint
from ...sqlite_files import primary_code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KINDS: Final[Mapping[int, type[StoreError]]] = {
    sqlite3.SQLITE_BUSY: Unreachable,
    sqlite3.SQLITE_LOCKED: Unreachable,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
}
"""By primary result code (https://sqlite.org/rescode.html). All others are the file's or the
disk's: rights, room, or a disk that fails."""


def store_error(database: Path, error: sqlite3.Error) -> StoreError:
    """Make the error of ours that says what SQLite could not do with the database."""
    kind = _KINDS.get(primary_code(error))
    if kind is Unreachable:
        return in_use(database)
    if kind is Damaged:
        return damaged(database.name, error)
    return StoreError(
        f"cannot use {database.name}: {error}",
        hint=Hint(Action.CHECK_DISK, str(database.parent), note="nothing was lost"),
    )


def in_use(database: Path) -> Unreachable:
    """Make the error that says that another process is in the database."""
    return Unreachable(
        f"{database.name} is locked: another process uses it",
        hint=Hint(Action.FIND_USER, str(database)),
    )


def damaged(name: str, why: object) -> Damaged:
    """Make the error that says that a database, or a copy of one, is broken."""
    return Damaged(
        f"{name} is damaged: {why}",
        hint=Hint(
            Action.RESTORE, note="if there is none, set its keys aside to link the session afresh"
        ),
    )
