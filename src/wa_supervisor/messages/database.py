"""How the SQLite files of the inbox and the outbox are opened, laid out and set aside."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from .. import private_files
from ..errors import StoreError
from ..hints import Action, Hint
from .errors import MessagesError

TIMEOUT: Final = 1.0
"""Seconds to wait for another connection: a reader of the file, such as a backup."""

Migrations: TypeAlias = tuple[tuple[str, ...], ...]
"""The statements from each version of a layout (PRAGMA user_version) to the next. Append only."""

_SIDECARS: Final = ("", "-wal", "-shm", "-journal")  # https://sqlite.org/tempfiles.html
_UNREADABLE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def connect(
    path: Path,
    migrations: Migrations,
    *,
    synchronous: Literal["NORMAL", "FULL"],
    error: type[MessagesError],
) -> sqlite3.Connection:
    """Open a private database (0600), making it if there is none, and bring it up to date.

    With FULL a commit survives a power cut, with NORMAL the death of this process. For one thread.
    Raises `error` for a file of a newer version of this package; else StoreError (others could open
    it), sqlite3.Error or OSError, of which `raised_as` makes one.
    """
    private_files.make_empty(path)
    connection = sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)
    try:
        # An acknowledgement changes a few bytes and writes a page: a small one is easier on the
        # disk, and 1000 of them (when SQLite copies its WAL back) are 1 MiB.
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        _migrate(connection, path, migrations, error)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all that is done in it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_unreadable(error: sqlite3.Error | OSError) -> bool:
    """Say whether SQLite means that the file is no database, or no longer one."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _UNREADABLE


def set_aside(path: Path) -> None:
    """Rename an unreadable database and what belongs to it. Raises OSError."""
    aside = f"{path}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    for end in _SIDECARS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{aside}{end}")


@contextlib.contextmanager
def raised_as(kind: type[MessagesError], path: Path, task: str) -> Iterator[None]:
    """Make an error of ours of what SQLite or the system says: what failed, why, what helps."""
    try:
        yield
    except StoreError as error:
        raise kind(str(error), hint=error.hint) from error
    except (sqlite3.Error, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise kind(
            f"cannot {task} {path.name}: {why}",
            hint=Hint(Action.CHECK_DISK, str(path)),
        ) from error


def _migrate(
    connection: sqlite3.Connection, path: Path, migrations: Migrations, error: type[MessagesError]
) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise error(
            f"{path.name} was written by a newer wa-supervisor: its version is {version}, the"
            f" newest known here is {len(migrations)}",
            hint=Hint(Action.UPGRADE, "wa-supervisor"),
        )
    if version < len(migrations):
        with transaction(connection):
            for statements in migrations[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations):d}")
