"""Statements of the index that need nothing but its connection."""

from __future__ import annotations

import sqlite3
from typing import Final

from .cursors import Cursor
from .record import Record

_KEPT_UNREADABLE: Final = 100
_MAX_UNREADABLE: Final = 64 << 10  # bytes of one
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


def keep_unreadable(connection: sqlite3.Connection, why: str, record: Record) -> None:
    """Keep some of what should have been a message: it says what is wrong with us."""
    connection.execute(
        "INSERT INTO unreadable (why, event, data) VALUES (?, ?, ?)",
        (why, record.header.event, record.data[:_MAX_UNREADABLE]),
    )
    connection.execute(
        "DELETE FROM unreadable WHERE id <= (SELECT max(id) FROM unreadable) - ?",
        (_KEPT_UNREADABLE,),
    )


def move(
    connection: sqlite3.Connection, name: str, cursor: Cursor, added: set[int], handed: int
) -> Cursor:
    """Keep that a reader has acknowledged these as well; return where it is then."""
    reached = cursor.acknowledged
    while reached + 1 in added or reached + 1 in cursor.ahead:
        reached += 1
    beyond = {number for number in added if number > reached}
    connection.execute(
        "UPDATE readers SET acknowledged = ?, handed = ? WHERE name = ?", (reached, handed, name)
    )
    if cursor.ahead and reached > cursor.acknowledged:
        connection.execute("DELETE FROM ahead WHERE reader = ? AND number <= ?", (name, reached))
    connection.executemany("INSERT INTO ahead VALUES (?, ?)", [(name, each) for each in beyond])
    ahead = {number for number in cursor.ahead if number > reached} if cursor.ahead else set()
    return Cursor(reached, handed, ahead | beyond)


def jump(connection: sqlite3.Connection, number: int, by: int) -> None:
    """Go on with higher numbers; all up to this one was acknowledged by every reader."""
    connection.execute("UPDATE scan SET number = ?", (number + by,))
    connection.execute("UPDATE readers SET acknowledged = ?1, handed = ?1", (number + by,))
    for table in ("items", "ahead", "tries"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - three names
    # What was received is still known: as far from the newest number as it was.
    connection.execute("UPDATE seen SET number = number + ?", (by,))


def last_in(connection: sqlite3.Connection, segment: int) -> int:
    """Return the number of the last item in the segments up to this one; 0 if there is none."""
    (number,) = connection.execute(
        "SELECT max(number) FROM items WHERE segment BETWEEN 1 AND ?", (segment,)
    ).fetchone()
    return number or 0


def pass_over(connection: sqlite3.Connection, number: int) -> None:
    """Have no reader get what is up to a number, nor be kept from what is the same as that."""
    connection.execute(
        "UPDATE readers SET acknowledged = max(acknowledged, ?1), handed = max(handed, ?1)",
        (number,),
    )
    connection.execute("DELETE FROM ahead WHERE number <= ?", (number,))
    connection.execute("DELETE FROM seen WHERE number <= ?", (number,))
