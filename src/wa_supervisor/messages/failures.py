"""What a reader has failed on: how often, and what was set aside for it."""

from __future__ import annotations

import sqlite3
from typing import Final

_KEPT: Final = 100
"""Messages set aside that are kept; older ones are removed."""

_FAIL: Final = """
    INSERT INTO tries VALUES (?1, ?2, 1) ON CONFLICT (reader) DO UPDATE SET number = ?2,
    tries = CASE WHEN tries.number = ?2 THEN tries.tries + 1 ELSE 1 END RETURNING tries
"""


def fail(connection: sqlite3.Connection, name: str, number: int) -> int:
    """Count that a reader has failed on an item, and return how often in a row it has."""
    (tries,) = connection.execute(_FAIL, (name, number)).fetchone()
    return int(tries)


def keep_aside(connection: sqlite3.Connection, name: str, number: int, data: bytes) -> None:
    """Keep an event on which a reader has failed too often, apart from the log."""
    connection.execute(
        "INSERT INTO set_aside (reader, number, data) VALUES (?, ?, ?)", (name, number, data)
    )
    connection.execute(
        "DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - ?", (_KEPT,)
    )
