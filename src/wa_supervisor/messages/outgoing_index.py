"""An index from which messages are handed over: what waits in it is for an owner elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from . import statements
from .database import raised_as
from .elsewhere import Copy
from .errors import InboxError, MalformedEvent
from .index import Index
from .record import Record, encode
from .segments import Position

BATCH: Final = 256
BATCH_BYTES: Final = 4 << 20


class OutgoingIndex(Index):
    """See `Index`."""

    def unread(self) -> list[tuple[int, Copy]]:
        """Return the oldest messages that somebody has not acknowledged, with their numbers.

        What the disk has lost or spoiled is acknowledged.
        """
        if not self.cursors:
            return []
        found: list[tuple[int, Copy]] = []
        gone: list[int] = []
        size = 0
        with raised_as(InboxError, self._path, "read"):
            rows = self._connection.execute(
                "SELECT number, segment, offset, (SELECT key FROM seen WHERE"
                " seen.number = items.number) FROM items WHERE number > ? ORDER BY number",
                (self._by_all(),),
            )
            for number, segment, offset, key in rows:
                done = self._done(number)
                if len(done) == len(self.cursors):
                    continue
                copy = self._copy(self._record(Position(segment, offset)), key, done)
                if copy is None:
                    gone.append(number)
                    continue
                found.append((number, copy))
                size += len(copy.record)
                if len(found) >= BATCH or size >= BATCH_BYTES:
                    break
        if gone:
            self.lose(len(gone))
            self._acknowledge(set(gone))
        return found

    def give_up(self, numbers: Iterable[int]) -> None:
        """Acknowledge what was handed over; should it come back it is new."""
        given = set(numbers)
        self._acknowledge(given, forget=given)

    def _done(self, number: int) -> frozenset[str]:
        return frozenset(
            name
            for name, cursor in self.cursors.items()
            if number <= cursor.acknowledged or number in cursor.ahead
        )

    def _copy(self, record: Record | None, key: bytes | None, done: frozenset[str]) -> Copy | None:
        if record is None:
            return None
        if key is None:
            try:
                key = self._look(record).key
            except MalformedEvent:
                key = None
        if key is None:
            return None
        header = record.header
        encoded = encode(
            header.event,
            record.data,
            flags=header.flags,
            generation=header.generation,
            connected=header.connected,
            arrived=header.arrived,
        )
        return Copy(key, encoded, header.generation, done)

    def _acknowledge(self, numbers: set[int], *, forget: Collection[int] = ()) -> None:
        """Have no reader get these."""
        self._settle(dict.fromkeys(self.cursors, numbers), forget=forget)

    def _settle(self, numbers: dict[str, set[int]], *, forget: Collection[int] = ()) -> None:
        """Acknowledge numbers for several readers in one step, and forget the keys of some."""
        moved = {}
        with self._changing("write"):
            for name, those in numbers.items():
                cursor = self.cursors[name]
                added = {each for each in those if each > cursor.acknowledged} - cursor.ahead
                moved[name] = statements.move(self._connection, name, cursor, added, cursor.handed)
            self._connection.executemany(
                "DELETE FROM seen WHERE number = ?", [(each,) for each in forget]
            )
        self.cursors.update(moved)
        self._retire()
        self._publish()
