"""The journal's file: how it is opened and laid out. What is newer than we know is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pydantic import ValidationError

from .. import sqlite_files
from ..errors import JournalError
from ..hints import Action, Hint
from ..sqlite_files import (
    SIDECARS,
    TIMEOUT,
    Migrations,
    migrate,
    refuse_newer,
    set_aside,
    version,
)

MIGRATIONS: Migrations = (
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

_LOSS = "going on could forget a ban or a budget"


def connect(path: Path) -> sqlite3.Connection:
    """Open the journal to write it, and bring its schema up to date.

    The file must exist; an empty one is new. A commit is on the disk when it returns. Raises
    JournalError if the file is of a newer version, sqlite3.Error for anything else: see
    `sqlite_files.says_damaged`.
    """
    connection = sqlite3.connect(
        path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        refuse_newer(connection, path, MIGRATIONS, JournalError, loss=_LOSS)
        connection.execute("PRAGMA journal_mode = WAL")
        # Without FULL a commit in WAL mode survives kill -9 but not a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        _check_tables(connection, path)
        migrate(connection, MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing journal to read it, see `sqlite_files`. Raises JournalError as well."""
    return sqlite_files.connect_to_read(path, MIGRATIONS, JournalError, loss=_LOSS)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Say whether nothing was ever laid out here: the supervisor has not run yet."""
    return version(connection) == 0


def tidy(path: Path) -> None:
    """Set aside a WAL that belongs to no journal. Raises OSError."""
    empty = not path.exists() or path.stat().st_size == 0
    if empty and Path(f"{path}-wal").exists():
        set_aside(path, SIDECARS)


def remove_sidecars(path: Path) -> None:
    """Remove what SQLite kept beside a journal that is no longer there. Raises OSError."""
    for end in SIDECARS:
        Path(f"{path}{end}").unlink(missing_ok=True)


def failed(path: Path, work: str, error: Exception) -> JournalError:
    """Say in our words why the journal cannot be used."""
    # pydantic's own words would repeat what is in the file.
    content = "its content is not what was written" if isinstance(error, ValidationError) else error
    why = getattr(error, "strerror", None) or content
    return JournalError(
        f"cannot {work} {path.name}: {why}",
        hint=Hint(Action.CHECK_DISK, str(path)),
    )


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    tables = _tables(connection)
    if tables if is_empty(connection) else not tables >= {"steps", "memory"}:
        raise _not_a_journal(path)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _not_a_journal(path: Path) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(f"{path.name} is another program's database")
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error
