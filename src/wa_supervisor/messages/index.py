"""What the inbox remembers of the log: what is in it once, and how far each reader has come.

An item is a message that is handed out: a record that is no duplicate and holds something for a
reader. It has a number; a reader's cursor is the number up to which it has acknowledged all, and
the numbers beyond that it has acknowledged out of turn. Everything that belongs together is written
in one transaction. For one thread.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, Self

from ..private_files import make_directory
from ..sqlite_files import says_damaged, set_aside, transaction
from . import statements
from .cursors import PHONE, Cursor, Figures, Ingested
from .database import connect, raised_as
from .errors import InboxError, MalformedEvent
from .glance import Glance
from .index_layout import MIGRATIONS
from .record import Flaw, Record
from .segments import (
    INDEX,
    Position,
    Segment,
    Tail,
    failed,
    identity,
    segment_numbers,
    segment_path,
)

_GONE: Final = errno.ENOENT, "its directory is away"
Look = Callable[[Record], Glance]

_FETCH: Final = """
    SELECT number, segment, offset FROM items
    WHERE number > ?
    AND NOT EXISTS (SELECT 1 FROM ahead WHERE reader = ? AND ahead.number = items.number)
    ORDER BY number LIMIT ?
"""


class Index:
    """The inbox's memory. Every method may raise InboxError or LogError and can be called again."""

    def __init__(self, directory: Path, *, look: Look, remember: int, durable: bool) -> None:
        self._directory = directory
        self._path = directory / INDEX
        self._look = look
        self._remember = remember
        self._synchronous: Literal["FULL", "NORMAL"] = "FULL" if durable else "NORMAL"
        self._connection: sqlite3.Connection
        self._tail: Tail
        self._segment: Segment | None = None
        self._identity: tuple[int, int] | None = None
        self.number = 0
        """The number of the newest item."""
        self.cursors: dict[str, Cursor] = {}
        self.counts: dict[str, int] = {}
        self.figures = Figures(0, {}, None, 0, {}, 0)
        self._bytes = 0
        self._oldest: int | None = None
        self.was_lost = False
        """Whether it was unreadable and begun anew, so that what the log holds comes again."""

    @classmethod
    def open(cls, directory: Path, *, look: Look, remember: int, durable: bool) -> Self:
        """Open the index of a log, making both if they are not there."""
        index = cls(directory, look=look, remember=remember, durable=durable)
        with raised_as(InboxError, index._path, "open"):
            make_directory(directory, durable=durable)
            index._identity = identity(directory)
            try:
                index._open()
            except sqlite3.DatabaseError as error:
                if not says_damaged(error):
                    raise
                index._begin_anew()
        index._weigh()
        index._publish()
        return index

    def close(self) -> None:
        """Close the files."""
        self._tail.close()
        self._close_segment()
        self._connection.close()

    # -- the log -----------------------------------------------------------------------------------

    def ingest(self, limit: int) -> Ingested:
        """Take up to `limit` records of the log into the index."""
        tail, before, number = self._tail, self._tail.position, self.number
        try:
            piece = tail.read(limit)
            with self._changing("write"):
                for position, record in piece.records:
                    self._take(position, record)
                for damage in piece.damages:
                    self._count("torn" if damage.flaw is Flaw.SHORT else "damaged")
                if piece.position != before:
                    self._write_scan(piece.position)
        except BaseException:
            tail.position = before
            raise
        if piece.position != before:
            self._weigh()
            self._retire()
            self._publish()
        return Ingested(self.number - number, len(piece.records) >= limit, piece.blocked)

    def _take(self, position: Position, record: Record) -> None:
        try:
            seen = self._look(record)
        except MalformedEvent as error:
            self._keep_unreadable(record, error)
            return
        if seen.phone_at > self.counts.get(PHONE, 0):
            self._count(PHONE, seen.phone_at - self.counts.get(PHONE, 0))
        if seen.key is None:
            return
        added = self._connection.execute(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (self.number + 1, seen.key),
        )
        if not added.rowcount:
            self._count("duplicates")
            return
        self.number += 1
        self._connection.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?)",
            (self.number, position.segment, position.offset, record.header.arrived),
        )

    def _write_scan(self, position: Position) -> None:
        self._connection.execute(
            "UPDATE scan SET segment = ?, offset = ?, number = ?",
            (position.segment, position.offset, self.number),
        )
        oldest = self.number - self._remember
        self._connection.execute("DELETE FROM seen WHERE number <= ?", (oldest,))

    def set_unreadable(self, record: Record, error: MalformedEvent) -> None:
        """Keep an item that turned out to be no message."""
        with self._changing("write"):
            self._keep_unreadable(record, error)
        self._publish()

    def _keep_unreadable(self, record: Record, error: MalformedEvent) -> None:
        self._count("unreadable")
        statements.keep_unreadable(self._connection, str(error), record)

    # -- the readers -------------------------------------------------------------------------------

    def register(self, name: str) -> Cursor:
        """Return the cursor of a reader; a new one begins with the oldest item there is."""
        if name in self.cursors:
            return self.cursors[name]
        with self._changing("write"):
            (first,) = self._connection.execute("SELECT min(number) FROM items").fetchone()
            begin = self.number if first is None else first - 1
            self._connection.execute("INSERT INTO readers VALUES (?, ?, ?)", (name, begin, begin))
        cursor = self.cursors[name] = Cursor(begin, begin)
        self._look_at_oldest()
        self._publish()
        return cursor

    def forget(self, name: str) -> None:
        """Remove a reader: nothing is kept for it any more."""
        with self._changing("write"):
            self._connection.execute("DELETE FROM readers WHERE name = ?", (name,))
            self._connection.execute("DELETE FROM ahead WHERE reader = ?", (name,))
        self.cursors.pop(name, None)
        self._retire()
        self._publish()

    def fetch(self, name: str, after: int, limit: int) -> list[tuple[int, Position, Record | None]]:
        """Return a reader's next items after a number; None for one that is no longer in the log.

        That is so after a power cut which took a part of the log away.
        """
        after = max(after, self.cursors[name].acknowledged)
        with raised_as(InboxError, self._path, "read"):
            rows = self._connection.execute(_FETCH, (after, name, limit)).fetchall()
        places = [(number, Position(segment, offset)) for number, segment, offset in rows]
        return [(number, place, self._record(place)) for number, place in places]

    def advance(self, name: str, acknowledged: Sequence[int], handed: int) -> None:
        """Move a reader's cursor; what it holds is kept when this returns."""
        cursor = self.cursors[name]
        added = {number for number in acknowledged if number > cursor.acknowledged} - cursor.ahead
        handed = max(handed, cursor.handed)
        if not added and handed == cursor.handed:
            return
        before = cursor.acknowledged
        with self._changing("write"):
            moved = statements.move(self._connection, name, cursor, added, handed)
        self.cursors[name] = moved
        if moved.acknowledged > before:
            self._retire()
        self._publish()

    def set_aside_elsewhere(self, generation: int, target: Path) -> None:
        """Put aside what earlier generations have received and what is kept elsewhere: nothing."""

    def last_in(self, segment: int) -> int:
        """Return the number of the last item up to this segment; 0 if there is none."""
        with raised_as(InboxError, self._path, "read"):
            return statements.last_in(self._connection, segment)

    def pass_over(self, number: int) -> None:
        """Have no reader get what is up to a number, nor be kept from what is the same as that."""
        with self._changing("write"):
            statements.pass_over(self._connection, number)
        for cursor in self.cursors.values():
            cursor.pass_over(number)
        self._retire()
        self._publish()

    def fail(self, name: str, number: int) -> int:
        """Count that a reader has failed on an item, and return how often in a row it has."""
        with self._changing("write"):
            return statements.fail(self._connection, name, number)

    def set_aside(self, name: str, number: int, data: bytes) -> None:
        """Keep an item on which a reader has failed too often, apart from the log."""
        with self._changing("write"):
            self._count("set_aside")
            statements.keep_aside(self._connection, name, number, data)
        self._publish()

    def lose(self, number: int) -> None:
        """Count items that are no longer in the log."""
        with self._changing("write"):
            self._count("lost", number)
        self._publish()

    def _record(self, position: Position) -> Record | None:
        if self._segment is None or self._segment.number != position.segment:
            self._close_segment()
            self._segment = Segment.open(self._directory, position.segment)
        if self._segment is not None:
            return self._segment.read(position.offset).record
        if identity(self._directory) != self._identity:
            # What is out of reach is not lost: the directory was moved away, or is not mounted.
            raise failed("find the log", self._directory, FileNotFoundError(*_GONE))
        return None

    def _close_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    # -- what is not needed any more ---------------------------------------------------------------

    def _retire(self) -> None:
        """Remove the segments of which every reader has acknowledged everything."""
        self._look_at_oldest()
        needed = self._needed
        if needed <= self._first_segment:
            return
        with self._changing("write"):
            self._connection.execute("DELETE FROM items WHERE number <= ?", (self._by_all(),))
        for number in segment_numbers(self._directory):
            if number < needed:
                # One that stays is removed the next time.
                with contextlib.suppress(OSError):
                    segment_path(self._directory, number).unlink()
        self._weigh()

    def _look_at_oldest(self) -> None:
        """Find the oldest item somebody has not acknowledged, and the segment it is in."""
        with raised_as(InboxError, self._path, "read"):
            found = self._connection.execute(
                "SELECT segment, arrived FROM items WHERE number > ? ORDER BY number LIMIT 1",
                (self._by_all(),),
            ).fetchone()
        # What is newer than the last look may hold items, so it is needed.
        self._needed = found[0] if found else self._tail.position.segment
        self._oldest = found[1] if found else None

    def _by_all(self) -> int:
        """The number up to which every reader has acknowledged everything."""
        return min((each.acknowledged for each in self.cursors.values()), default=self.number)

    def _publish(self) -> None:
        self.figures = Figures(
            received=self.number,
            depths={
                name: self.number - cursor.acknowledged - len(cursor.ahead)
                for name, cursor in self.cursors.items()
            },
            oldest=self._oldest,
            bytes=self._bytes,
            counts=dict(self.counts),
            floor=self._tail.position.segment,
        )

    def _weigh(self) -> None:
        """Look at what the segments take; raises LogError."""
        numbers = segment_numbers(self._directory)
        self._first_segment = numbers[0] if numbers else 0
        self._bytes = 0
        for number in numbers:
            with contextlib.suppress(FileNotFoundError):
                self._bytes += segment_path(self._directory, number).stat().st_size
        self._look_at_oldest()

    # -- the file ----------------------------------------------------------------------------------

    def _open(self) -> None:
        self._connection = connect(
            self._path, MIGRATIONS, synchronous=self._synchronous, error=InboxError
        )
        segment, offset, self.number = self._connection.execute(
            "SELECT segment, offset, number FROM scan"
        ).fetchone()
        self.cursors = {
            name: Cursor(acknowledged, handed)
            for name, acknowledged, handed in self._connection.execute("SELECT * FROM readers")
        }
        for name, number in self._connection.execute("SELECT reader, number FROM ahead"):
            self.cursors[name].ahead.add(number)
        self.counts = dict(self._connection.execute("SELECT * FROM counts"))
        self._tail = Tail(self._directory, Position(segment, offset))

    def _begin_anew(self) -> None:
        """Set an unreadable file aside, and go on with a new one.

        Numbers go on as well, so that nobody takes a new item for an old one.
        """
        number, names = self.number, tuple(self.cursors)
        with contextlib.suppress(AttributeError, sqlite3.Error):
            self._connection.close()
        set_aside(self._path)
        self._open()
        self.was_lost = True
        with transaction(self._connection):
            self._connection.execute("UPDATE scan SET number = ?", (number,))
            self._connection.executemany(
                "INSERT INTO readers VALUES (?, ?, ?)", [(name, number, number) for name in names]
            )
        self.number = number
        self.cursors = {name: Cursor(number, number) for name in names}

    @contextlib.contextmanager
    def _changing(self, task: str) -> Iterator[None]:
        number, counts = self.number, dict(self.counts)
        with raised_as(InboxError, self._path, task):
            try:
                with transaction(self._connection):
                    yield
            except BaseException as error:
                self.number, self.counts = number, counts
                if says_damaged(error):
                    self._begin_anew()
                raise

    def _count(self, name: str, value: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + value
        self._connection.execute(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (name, self.counts[name]),
        )
