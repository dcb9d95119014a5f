"""The file of the outbox: one row a key. For one thread; see `outbox` for what the states mean."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from ..sqlite_files import Migrations, transaction
from .database import connect, raised_as
from .errors import SEND_ERRORS, KeyReused, OutboxError
from .send_rows import Row

_MIGRATIONS: Final[Migrations] = (
    (
        """
        CREATE TABLE sends (
            key BLOB PRIMARY KEY,
            what BLOB NOT NULL,
            state TEXT NOT NULL,
            details TEXT NOT NULL,
            changed REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX by_change ON sends (changed)",
    ),
    # Keys that were kept before their messages were dispatched, by a version that had this state.
    ("DELETE FROM sends WHERE state = 'reserved'",),
)
_PRUNE_EVERY: Final = 100
"""New keys between two looks at what is too old."""
_RETRIABLE: Final = frozenset(code for code, error in SEND_ERRORS.items() if error.retriable)


class OutboxStore:
    """The rows. Every method may raise OutboxError; a change then outlives any process."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, keep: timedelta, keep_rows: int
    ) -> None:
        self._path = path
        self._connection = connection
        self._keep = keep
        self._keep_rows = keep_rows
        self._until_prune = 0

    @classmethod
    def open(cls, path: Path, *, keep: timedelta, keep_rows: int) -> Self:
        """Open the file, making it if there is none; what was under way is unknown now."""
        with raised_as(OutboxError, path, "open"):
            connection = connect(path, _MIGRATIONS, synchronous="FULL", error=OutboxError)
            store = cls(path, connection, keep, keep_rows)
            try:
                with transaction(connection):
                    connection.execute(
                        "UPDATE sends SET state = 'unknown', details = '{}'"
                        " WHERE state = 'dispatched'"
                    )
            except BaseException:
                connection.close()
                raise
        return store

    def dispatch(self, key: str, what: bytes) -> Row | None:
        """Keep that the client may have this key's message from now on.

        Returns what is known of it instead if it has a result already. A result that says the
        message was not sent and may be tried again is no result.
        """
        with self._changing():
            row = self._check(key, what)
            if row is not None and not may_be_sent(row):
                return row
            self._prune()
            self._connection.execute(
                "INSERT INTO sends VALUES (?, ?, 'dispatched', '{}', ?) ON CONFLICT DO UPDATE"
                " SET state = 'dispatched', details = '{}', changed = excluded.changed",
                (hashed(key), what, time.time()),
            )
        return None

    def settle(self, key: str, state: str, details: str) -> None:
        """Keep the result of what was dispatched.

        It survives the death of any process; a power cut only once the next key is dispatched.
        One that takes it leaves the message unknown, and so never sent twice.
        """
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            self._move(key, "dispatched", state, details)
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    def amend(self, key: str, state: str, details: str) -> None:
        """Keep the result of what was unknown."""
        self._move(key, "unknown", state, details)

    def get(self, key: str) -> Row | None:
        """Return what is known of a key."""
        with raised_as(OutboxError, self._path, "read"):
            row = self._connection.execute(
                "SELECT state, details FROM sends WHERE key = ?", (hashed(key),)
            ).fetchone()
        return None if row is None else Row(*row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _check(self, key: str, what: bytes) -> Row | None:
        row = self._connection.execute(
            "SELECT what, state, details FROM sends WHERE key = ?", (hashed(key),)
        ).fetchone()
        if row is None:
            return None
        if row[0] != what:
            raise key_reused()
        return Row(*row[1:])

    def _move(self, key: str, before: str, state: str, details: str) -> None:
        with self._changing():
            moved = self._connection.execute(
                "UPDATE sends SET state = ?, details = ?, changed = ? WHERE key = ? AND state = ?",
                (state, details, time.time(), hashed(key), before),
            )
            if moved.rowcount != 1:
                raise OutboxError(f"no message with this key is {before}")

    def _prune(self) -> None:
        """Forget what is old, or too much; never what is under way."""
        self._until_prune -= 1
        if self._until_prune > 0:
            return
        self._until_prune = _PRUNE_EVERY
        self._connection.execute(
            "DELETE FROM sends WHERE state != 'dispatched' AND changed < ?",
            (time.time() - self._keep.total_seconds(),),
        )
        self._connection.execute(
            "DELETE FROM sends WHERE state != 'dispatched' AND changed <"
            " (SELECT changed FROM sends ORDER BY changed DESC LIMIT 1 OFFSET ?)",
            (self._keep_rows - 1,),
        )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with raised_as(OutboxError, self._path, "write"), transaction(self._connection):
            yield


def key_reused() -> KeyReused:
    """Return the error of a key that is another message's."""
    return KeyReused(
        "this idempotency key was used for another message",
        hint="make a new key for each message, and keep it for its repetitions",
    )


def hashed(key: str) -> bytes:
    """Hash a key: callers make them of addresses and texts."""
    return hashlib.sha256(key.encode()).digest()


def may_be_sent(row: Row) -> bool:
    """Whether it is certain that the message was not sent, and it may be tried again."""
    return row.state == "failed" and json.loads(row.details)["code"] in _RETRIABLE
