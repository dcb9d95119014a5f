"""The tables of the inbox's index.

`scan` is how far the log was looked at and the number of the newest item; `items` are those that
somebody may still want, by their place in the log; `seen` are the keys by which a duplicate is
known, as hashes; `readers` and `ahead` are the cursors. `unreadable` keeps some of the events that
should have been messages. `tries` says how often a reader has failed on the item that it has, and
`set_aside` keeps the newest of those on which it has failed too often.
"""

from __future__ import annotations

from typing import Final

from ..sqlite_files import Migrations

MIGRATIONS: Final[Migrations] = (
    (
        """
        CREATE TABLE scan (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            segment INTEGER NOT NULL,
            offset INTEGER NOT NULL,
            number INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO scan VALUES (1, 0, 0, 0)",
        """
        CREATE TABLE items (
            number INTEGER PRIMARY KEY,
            segment INTEGER NOT NULL,
            offset INTEGER NOT NULL,
            arrived INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE TABLE seen (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE) STRICT",
        """
        CREATE TABLE readers (
            name TEXT PRIMARY KEY,
            acknowledged INTEGER NOT NULL,
            handed INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE ahead (
            reader TEXT NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (reader, number)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE counts (
            name TEXT PRIMARY KEY,
            value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE unreadable (
            id INTEGER PRIMARY KEY,
            why TEXT NOT NULL,
            event INTEGER NOT NULL,
            data BLOB NOT NULL
        ) STRICT
        """,
    ),
    (
        """
        CREATE TABLE tries (
            reader TEXT PRIMARY KEY,
            number INTEGER NOT NULL,
            tries INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE set_aside (
            id INTEGER PRIMARY KEY,
            reader TEXT NOT NULL,
            number INTEGER NOT NULL,
            data BLOB NOT NULL
        ) STRICT
        """,
    ),
)
