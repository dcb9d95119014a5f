"""The journal's file: how it is opened, laid out, brought up to date and set aside.

A file that cannot be read is renamed, never removed: it may be wanted, and it is the sign that a
memory was lost (`was_lost`). A file of a newer version is left alone and refused, because this
version cannot know what it would forget.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from .. import private_files
from ..errors import JournalError
from ..hints import Action, Hint

TIMEOUT = 1.0
"""Seconds to wait for another connection; readers of a WAL hold nobody up, so this is rare."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE steps (
            id INTEGER PRIMARY KEY,
            ts TEXT NOT NULL,
            session TEXT NOT NULL,
            fact TEXT NOT NULL,
            before TEXT NOT NULL,
            after TEXT NOT NULL,
            shade TEXT,
            reason TEXT,
            effects TEXT NOT NULL,
            generation INTEGER NOT NULL,
            retries INTEGER NOT NULL,
            not_before TEXT,
            detail TEXT NOT NULL,
            missed INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE memory (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            json TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE ignored (
            state TEXT NOT NULL,
            fact TEXT NOT NULL,
            count INTEGER NOT NULL,
            latest TEXT NOT NULL,
            PRIMARY KEY (state, fact)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        # A step is one JSON object: what is shown of a session grows without a migration.
        "ALTER TABLE steps RENAME TO columns",
        "CREATE TABLE steps (id INTEGER PRIMARY KEY, ts TEXT NOT NULL, json TEXT NOT NULL) STRICT",
        """
        INSERT INTO steps SELECT id, ts, json_object(
            'ts', ts, 'session', session, 'fact', fact, 'before', before, 'after', after,
            'substate', shade, 'reason', reason, 'cause', NULL, 'detail', detail,
            'effects', json('["' || replace(effects, ' ', '","') || '"]'),
            'generation', generation, 'bot_busy', json('false'), 'retries', retries,
            'not_before', not_before, 'missed', missed
        ) FROM columns
        """,
        """UPDATE steps SET json = replace(json, '"effects":[""]', '"effects":[]')""",
        "DROP TABLE columns",
        # Times become seconds from the moment of the writing.
        """
        UPDATE memory AS m SET json = json_object(
            'version', 2,
            'written_at', json_extract(m.json, '$.written_at'),
            'session', json_object(
                'phase', json_extract(m.json, '$.phase'),
                'reason', json_extract(m.json, '$.reason'),
                'cause', json_extract(m.json, '$.cause'),
                'detail', json_extract(m.json, '$.detail'),
                'generation', json_extract(m.json, '$.generation'),
                'retries', json_extract(m.json, '$.retries'),
                'strikes', json_extract(m.json, '$.strikes'),
                'dead_keys_plan', coalesce(
                    json_extract(m.json, '$.dead_keys_plan'), json_extract(m.json, '$.sequel')
                ),
                'dead_keys_reason', coalesce(
                    json_extract(m.json, '$.dead_keys_reason'), json_extract(m.json, '$.death')
                ),
                'given_up', json_extract(m.json, '$.given_up'),
                'not_before', 86400.0 * (
                    julianday(json_extract(m.json, '$.not_before'))
                    - julianday(json_extract(m.json, '$.written_at'))
                ),
                'ban_until', 86400.0 * (
                    julianday(json_extract(m.json, '$.ban_until'))
                    - julianday(json_extract(m.json, '$.written_at'))
                ),
                'spent', json((
                    SELECT json_group_object(budget.key, json((
                        SELECT json_group_array(86400.0 * (
                            julianday(time.value) - julianday(json_extract(m.json, '$.written_at'))
                        )) FROM json_each(budget.value) AS time
                    ))) FROM json_each(m.json, '$.spent') AS budget
                ))
            ),
            'last_stable', json_extract(m.json, '$.last_stable'),
            'last_pairing', json_extract(m.json, '$.last_pairing'),
            'order', json_extract(m.json, '$.order')
        )
        """,
    ),
)
"""What leads from each version of the schema (PRAGMA user_version) to the next. Append only."""

_SIDECARS = ("-wal", "-shm", "-journal")  # https://sqlite.org/tempfiles.html
_ASIDE = ".corrupt-"


def connect(path: Path) -> sqlite3.Connection:
    """Open the journal to write it, and bring its schema up to date.

    The file must exist; an empty one is new. A commit is on the disk when it returns. Raises
    JournalError if the file is of a newer version, sqlite3.Error for anything else: see
    `sqlite.errors.says_damaged`.
    """
    connection = sqlite3.connect(
        path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        _check_version(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        # Without FULL a commit in WAL mode survives kill -9 but not a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing journal to read it, whether or not a supervisor writes it now.

    Nothing is created: of one that was closed well SQLite would make a WAL, as whoever reads it.
    Raises JournalError if it is of a newer version, sqlite3.Error for anything else.
    """
    closed = not Path(f"{path}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if closed else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=TIMEOUT, isolation_level=None)
    try:
        _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def is_empty(connection: sqlite3.Connection) -> bool:
    """Say whether nothing was ever laid out here: the supervisor has not run yet."""
    return _version(connection) == 0


def set_aside(path: Path) -> Path:
    """Rename an unreadable journal and its sidecars, and return the new name.

    The journal goes first: what is left by a crash in between is a WAL without its database, which
    `tidy` knows. Raises OSError.
    """
    return _rename(path, ("", *_SIDECARS))


def tidy(path: Path) -> None:
    """Set aside a WAL that belongs to no journal. Raises OSError."""
    empty = not path.exists() or path.stat().st_size == 0
    if empty and Path(f"{path}-wal").exists():
        _rename(path, _SIDECARS)


def remove_sidecars(path: Path) -> None:
    """Remove what SQLite kept beside a journal that is no longer there. Raises OSError."""
    for end in _SIDECARS:
        Path(f"{path}{end}").unlink(missing_ok=True)


def was_lost(path: Path) -> bool:
    """Say whether an unreadable journal was ever set aside here."""
    return any(path.parent.glob(f"{path.name}{_ASIDE}*"))


def failed(path: Path, work: str, error: Exception) -> JournalError:
    """Say in our words why the journal cannot be used."""
    # pydantic's own words would repeat what is in the file.
    content = "its content is not what was written" if isinstance(error, ValidationError) else error
    why = getattr(error, "strerror", None) or content
    return JournalError(
        f"cannot {work} {path.name}: {why}",
        hint=Hint(Action.CHECK_DISK, str(path)),
    )


def _rename(path: Path, ends: tuple[str, ...]) -> Path:
    aside = path.with_name(f"{path.name}{_ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    for end in ends:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{aside}{end}")
    private_files.sync_directory(path.parent)  # else a power cut would hide that it was lost
    return aside


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version, known = _version(connection), len(MIGRATIONS)
    if version > known:
        raise JournalError(
            f"{path.name} was written by a newer wa-supervisor (its version is {version}, "
            f"the newest known here is {known}); going on could forget a ban or a budget",
            hint=Hint(
                Action.UPGRADE,
                "wa-supervisor",
                note=f"or, to start without its memory, move {path} away",
            ),
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version, tables = _version(connection), _tables(connection)
    if tables if version == 0 else not tables >= {"steps", "memory"}:
        raise _not_a_journal(path)
    if version == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS):d}")
    connection.execute("COMMIT")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _not_a_journal(path: Path) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(f"{path.name} is another program's database")
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error
