"""How the SQLite files of the inbox and the outbox are opened, and what their errors say."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from .. import private_files
from ..errors import StoreError
from ..hints import Action, Hint
from ..sqlite_files import TIMEOUT, Migrations, migrate, refuse_newer
from .errors import MessagesError


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
        refuse_newer(connection, path, migrations, error)
        migrate(connection, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


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
