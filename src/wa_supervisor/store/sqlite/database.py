"""Reading, copying and checking whatsmeow's SQLite file, without ever waiting for long.

One library in one process may open the file: SQLite's locks on POSIX belong to the process, and
another copy of SQLite beside Go's would drop them (https://sqlite.org/howtocorrupt.html, 2.2.1).
The supervisor is another process than the client's, so all of this is safe beside a living
client, too; what must not be done then says so.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from ... import private_files
from ...sqlite_files import says_damaged
from . import errors

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

SUFFIX = ".db"
"""Of copies of such a file."""

TIMEOUT = 2.0
"""Seconds to wait for another process that writes the database."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_MAGIC = b"SQLite format 3\0"  # https://sqlite.org/fileformat2.html, 1.3
_POLL = 0.02  # seconds
_CHUNK = 1 << 20  # bytes
# What a copy has of its own in its header: change counter, schema cookie, version-valid-for
# (https://sqlite.org/fileformat2.html, 1.3). Everything else is copied page by page.
_COUNTERS = ((24, 28), (40, 44), (92, 96))


def connect(
    database: Path, mode: Literal["ro", "rw"], *, timeout: float = TIMEOUT
) -> sqlite3.Connection:
    """Open a file that exists, whatever characters are in its path; none is made."""
    uri = f"{database.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)


def has_device(connection: sqlite3.Connection) -> bool:
    """Whether whatsmeow's device row is there: it is written when a pairing succeeds."""
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'whatsmeow_device'"
    ).fetchone()
    if known is None:
        return False
    # Selecting the column proves that the table is the one we mean; its value stays there.
    return connection.execute("SELECT jid FROM whatsmeow_device LIMIT 1").fetchone() is not None


def copy_database(database: Path, target: Path) -> bool:
    """Copy the database as it is at one moment into a new file, and say whether it is paired.

    Safe while a client lives and writes: SQLite's backup holds a read lock while it copies. The
    copy is one whole file without sidecars, whatever the journal mode. It is checked page by
    page. `target` is a new, empty file. Raises Damaged if the database is broken, StoreError if
    it cannot be read or stays locked for `TIMEOUT` seconds, or if the copy cannot be written.
    """
    end = time.monotonic() + TIMEOUT

    def bound(status: int, *_: int) -> None:
        # Python repeats a step that found the database locked for ever.
        if status in _BUSY and time.monotonic() >= end:
            raise TimeoutError

    try:
        with closing(connect(database, "rw")) as source, closing(connect(target, "rw")) as copy:
            # Nobody else sees the copy before it is whole: no journal, and no fsync on the way.
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(copy, progress=bound, sleep=_POLL)
            copy.execute("PRAGMA journal_mode = DELETE")
            return is_sound(copy, database.name)
    except TimeoutError:
        raise errors.in_use(database) from None
    except sqlite3.Error as error:
        raise errors.store_error(database, error) from error


def is_sound(connection: sqlite3.Connection, name: str) -> bool:
    """Check every page and index, and say whether a device is there. Raises Damaged."""
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise errors.damaged(name, "SQLite's integrity check failed")
    return has_device(connection)


def inspect(copy: Path) -> bool:
    """Check a file that nobody has open, and say whether a device is in it.

    Nothing is made beside it; a journal or WAL beside it is not looked at, so it must have been
    settled. Raises Damaged.
    """
    uri = f"{copy.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return is_sound(connection, copy.name)
    except sqlite3.Error as error:
        raise errors.damaged(copy.name, error) from error


def settle(database: Path) -> None:
    """Finish what a killed process left half done, and make sure that nobody is in the file.

    To be called before the file is moved, while no session process lives. A broken file is left
    as it is, with its sidecars: SQLite would throw those away. Raises StoreError if another process
    uses the file, as far as it can be seen: by its transaction, or in WAL mode by its mere
    presence; OSError if it cannot be read.
    """
    if not _looks_like_a_database(database):
        return
    try:
        with closing(connect(database, "rw")) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if says_damaged(error):
            return
        raise errors.store_error(database, error) from error
    wal = database.with_name(f"{database.name}-wal")
    if wal.exists() and wal.stat().st_size:
        raise errors.in_use(database)  # the last one to close it removes it


def same_content(database: Path, copy: Path) -> bool:
    """Whether a copy holds what the database holds, apart from what each header counts.

    To be asked of a database without sidecars: what is in a journal or WAL is not seen. A copy that
    cannot be read holds nothing. Raises OSError if the database cannot be read.
    """
    size, content = database.stat().st_size, _content(database)
    try:
        return copy.lstat().st_size == size and _content(copy) == content
    except OSError:
        return False


def _looks_like_a_database(path: Path) -> bool:
    return path.exists() and private_files.read(path, len(_MAGIC)) == _MAGIC


def _content(path: Path) -> str:
    """Hash what is in a database file but its counters. Raises OSError."""
    digest = hashlib.sha256()
    with private_files.reading(path) as file:
        head = bytearray(file.read(_CHUNK))
        for start, end in _COUNTERS:
            head[start:end] = bytes(len(head[start:end]))
        digest.update(head)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
