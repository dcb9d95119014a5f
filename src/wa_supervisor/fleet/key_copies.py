"""Copies of a session's keys, as rows: its snapshots, and what was set aside.

What `snapshots` and `quarantine` are as files: named, rotated and expired alike. Each function is
part of the caller's transaction, which is the session's owner's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from ..store.intent import entry_name
from ..store.stamp import moment, next_stamp

if TYPE_CHECKING:
    from datetime import datetime

    from ..store.postgres.rows import Copy
    from .database import Connection
    from .ownership import Ownership


@dataclass(frozen=True)
class KeyCopies:
    """The copies of one session, within one transaction."""

    connection: Connection
    owner: Ownership

    def snapshots(self) -> tuple[str, ...]:
        """Name the snapshots, the newest first."""
        found = self.connection.execute(
            "SELECT id FROM wa_fleet.key_copies WHERE session = %s AND set_aside IS NULL"
            " ORDER BY id DESC",
            (self.owner.session,),
        )
        return tuple(row["id"] for row in found)

    def content(self, name: str) -> bytes:
        """Return what a copy holds, see `rows.decode`."""
        row = self.connection.execute(
            "SELECT content FROM wa_fleet.key_copies WHERE session = %s AND id = %s",
            (self.owner.session, name),
        ).fetchone()
        return bytes(row["content"]) if row else b""

    def holds(self, name: str, copy: Copy) -> bool:
        """Whether a copy is the same as this one."""
        row = self.connection.execute(
            "SELECT sha256(content) = %s AS same FROM wa_fleet.key_copies"
            " WHERE session = %s AND id = %s",
            (hashlib.sha256(copy.encode()).digest(), self.owner.session, name),
        ).fetchone()
        return row is not None and row["same"]

    def add(self, copy: Copy, generation: int, *, set_aside: str | None = None) -> str:
        """Keep a copy, newer than all that are there, and name it."""
        found = self.connection.execute(
            "SELECT max(id) AS newest FROM wa_fleet.key_copies WHERE session = %s",
            (self.owner.session,),
        ).fetchone()
        newest = [found["newest"]] if found and found["newest"] else []
        name = f"{next_stamp(newest, self._now())}-{generation}"
        self.connection.execute(
            "INSERT INTO wa_fleet.key_copies (session, id, epoch, set_aside, has_device, content)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                self.owner.session,
                name,
                self.owner.epoch,
                set_aside,
                copy.device is not None,
                copy.encode(),
            ),
        )
        return name

    def rotate(self, keep: int) -> None:
        """Remove the oldest snapshots beyond `keep`."""
        self.connection.execute(
            "DELETE FROM wa_fleet.key_copies WHERE session = %s AND id = ANY(%s)",
            (self.owner.session, list(self.snapshots()[keep:])),
        )

    def set_aside(
        self, copy: Copy | None, reason: str, generation: int, *, with_snapshots: bool
    ) -> str | None:
        """Put what is there, and the snapshots, into the quarantine; None if there is nothing."""
        snapshots = self.snapshots() if with_snapshots else ()
        if (copy is None or copy.is_empty) and not snapshots:
            return None
        known = (entry for entry, _ in self._entries())
        entry = entry_name(f"{next_stamp(known, self._now())}-{reason}")
        self.connection.execute(
            "UPDATE wa_fleet.key_copies SET set_aside = %s WHERE session = %s AND id = ANY(%s)",
            (entry, self.owner.session, list(snapshots)),
        )
        if copy is not None and not copy.is_empty:
            self.add(copy, generation, set_aside=entry)
        return entry

    def expire(self, keep: int, days: float) -> tuple[str, ...]:
        """Remove what was set aside and is too old or too many, and name it.

        Those without keys go first.
        """
        now = self._now()
        kept = sorted(self._entries(), key=lambda each: not each[1])
        old = timedelta(days=days)
        gone = [
            entry for i, (entry, _) in enumerate(kept) if i >= keep or now - moment(entry) > old
        ]
        if gone:
            self.connection.execute(
                "DELETE FROM wa_fleet.key_copies WHERE session = %s AND set_aside = ANY(%s)",
                (self.owner.session, gone),
            )
        return tuple(gone)

    def _entries(self) -> list[tuple[str, bool]]:
        """Name what was set aside, the newest first, and say whether a device's keys are in it."""
        found = self.connection.execute(
            "SELECT set_aside, bool_or(has_device) AS has_keys FROM wa_fleet.key_copies"
            " WHERE session = %s AND set_aside IS NOT NULL GROUP BY set_aside"
            " ORDER BY set_aside DESC",
            (self.owner.session,),
        )
        return [(row["set_aside"], row["has_keys"]) for row in found]

    def _now(self) -> datetime:
        """Ask Postgres: the clocks of two workers may differ."""
        (row,) = self.connection.execute("SELECT now() AS now").fetchall()
        now: datetime = row["now"]
        return now.astimezone(UTC)
