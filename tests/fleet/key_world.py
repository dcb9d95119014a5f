"""A session of a fleet on a real Postgres, and what can be seen of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.devices import connect, content, mark_of, write_device
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.keys import FleetKeys
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.session_url import session_url
from wa_supervisor.store.postgres.rows import decode

if TYPE_CHECKING:
    from pydantic import SecretStr

    from wa_supervisor.store.postgres.rows import Copy

Seen = tuple[str | None, tuple[str | None, ...], tuple[tuple[str | None, ...], ...]]
"""The session's rows, its snapshots, its quarantine with the reasons, the newest first."""


def keys_of(database: FleetDatabase, ownership: Ownership) -> FleetKeys:
    return FleetKeys(database, ownership, keep_snapshots=3, keep_quarantined=5, keep_days=30)


@dataclass
class KeyWorld:
    """A fleet of two workers which have had the session `name` in turn."""

    url: SecretStr
    database: FleetDatabase
    name: str = "shop"

    def install(self) -> None:
        """Make the tables; a write by who was overtaken is refused at once, not after a while."""
        self.database.install()
        with self.database.transaction() as connection:
            row = connection.execute(
                "SELECT pg_get_functiondef('refuse_stale_owner'::regproc) AS made"
            ).fetchone()
            assert row is not None
            assert row["made"].count("pg_sleep(15)") == 1
            connection.execute(row["made"].replace("pg_sleep(15)", "pg_sleep(0)"))

    def add(self) -> Ownership:
        with self.database.transaction() as connection:
            connection.execute("INSERT INTO sessions VALUES (%s, '{}')", (self.name,))
            connection.execute("INSERT INTO owners (session) VALUES (%s)", (self.name,))
        return self.claim("one")

    def claim(self, worker: str) -> Ownership:
        with self.database.transaction() as connection:
            row = connection.execute(
                "UPDATE owners SET epoch = epoch + 1, worker = %s WHERE session = %s"
                " RETURNING epoch",
                (worker, self.name),
            ).fetchone()
        assert row is not None
        return Ownership(self.name, worker, row["epoch"])

    def write(self, owner: Ownership, mark: str, *, paired: bool = True) -> None:
        """Write the keys as the owner's session process does."""
        write_device(session_url(self.url, owner), mark, paired=paired)

    def copies(self, keys: FleetKeys, owner: Ownership, *marks: str) -> None:
        for generation, mark in enumerate(marks, 1):
            self.write(owner, mark)
            assert keys.before_dial(generation)

    def seen(self) -> Seen:
        """What there is, each copy read whole."""
        with self.database.transaction() as connection:
            rows = connection.execute(
                "SELECT id, set_aside, has_device, content FROM key_copies WHERE session = %s"
                " ORDER BY id DESC",
                (self.name,),
            ).fetchall()
        snapshots: list[str | None] = []
        entries: dict[str, list[str | None]] = {}
        for row in rows:
            copy = decode(row["content"], row["id"])
            assert row["has_device"] is (copy.device is not None)
            entry = row["set_aside"]
            into = snapshots if entry is None else entries.setdefault(entry, [entry[17:]])
            into.append(mark_of(copy))
        newest_first = tuple(tuple(entries[each]) for each in sorted(entries, reverse=True))
        return mark_of(self.seen_rows()), tuple(snapshots), newest_first

    def seen_rows(self) -> Copy:
        """Every row of the client's tables."""
        return content(session_url(self.url, Ownership(self.name, "nobody", 0)))

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with connect(self.url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
