"""Small databases of our own (journal, inbox, outbox): brought up to date, set aside if damaged.

A file that cannot be read is renamed, never removed: it may be wanted, and it is the sign that
something was lost (`was_set_aside`). A file of a newer version is left alone and refused.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard

from . import private_files
from .hints import Action, Hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import SupervisorError

TIMEOUT: Final = 1.0
"""Seconds to wait for another connection: a reader of the file, such as a backup. Readers of a WAL
hold nobody up, so this is rare."""

Migrations: TypeAlias = tuple[tuple[str, ...], ...]
"""The statements from each version of a layout (PRAGMA user_version) to the next. Append only."""

SIDECARS: Final = ("-wal", "-shm", "-journal")  # https://sqlite.org/tempfiles.html

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_ASIDE: Final = ".corrupt-"


def primary_code(error: BaseException) -> int:
    """SQLite's code without its extension (https://sqlite.org/rescode.html), 0 if it has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def says_damaged(error: BaseException) -> TypeGuard[sqlite3.DatabaseError]:
    """Say whether SQLite means that the file is no database, or no longer a whole one."""
    return isinstance(error, sqlite3.DatabaseError) and primary_code(error) in _DAMAGED


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


def version(connection: sqlite3.Connection) -> int:
    """Return the version of a database's layout; 0 if nothing was ever laid out in it."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def refuse_newer(
    connection: sqlite3.Connection,
    path: Path,
    migrations: Migrations,
    error: type[SupervisorError],
    *,
    loss: str = "",
) -> None:
    """Raise `error` for a layout that is newer than ours; `loss` says what going on would cost."""
    found, known = version(connection), len(migrations)
    if found > known:
        message = (
            f"{path.name} was written by a newer wa-supervisor: its version is {found}, "
            f"the newest known here is {known}"
        )
        note = f"or, to start without what is in it, move {path} away"
        hint = Hint(Action.UPGRADE, "wa-supervisor", note=note)
        raise error("; ".join(filter(None, (message, loss))), hint=hint)


def connect_to_read(
    path: Path, migrations: Migrations, error: type[SupervisorError], *, loss: str = ""
) -> sqlite3.Connection:
    """Open an existing database to read it, whether or not another process writes it now.

    Nothing is created: of one that was closed well SQLite would make a WAL, as whoever reads it.
    Raises `error` if it is of a newer version, sqlite3.Error for anything else.
    """
    closed = not Path(f"{path}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if closed else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=TIMEOUT, isolation_level=None)
    try:
        refuse_newer(connection, path, migrations, error, loss=loss)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, migrations: Migrations) -> None:
    """Bring a database up to date, wholly or not at all."""
    if (found := version(connection)) < len(migrations):
        with transaction(connection):
            for statements in migrations[found:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations):d}")


def set_aside(path: Path, ends: tuple[str, ...] = ("", *SIDECARS)) -> Path:
    """Rename an unreadable database and its sidecars, and return the new name. Raises OSError.

    The database goes first: what a crash in between leaves is a WAL without its database.
    """
    aside = path.with_name(f"{path.name}{_ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    for end in ends:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{aside}{end}")
    private_files.sync_directory(path.parent)  # else a power cut would hide that it was lost
    return aside


def was_set_aside(path: Path) -> bool:
    """Say whether an unreadable database was ever set aside here."""
    return any(path.parent.glob(f"{path.name}{_ASIDE}*"))
