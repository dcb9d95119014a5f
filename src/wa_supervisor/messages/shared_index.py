"""An index whose session has other owners before, after and beside this one, on other machines.

What waits here and is for another owner is handed over through `Copies`, and what others hand over
is taken in. Every step can be the last of its process, and still each message is for each reader
once: a message is known by its key, there and here, and it is there before it is acknowledged here,
and taken from there before a reader here can get it.

Numbers go on from one owner to the next, so none is given to two messages. Those that another
machine has received lie in segments with negative numbers, which no session process writes to.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from .. import private_files
from . import statements
from .cursors import JUMPED, Cursor, Ingested
from .database import raised_as
from .elsewhere import Copies, Copy, Term
from .errors import InboxError
from .index import Index, Look
from .outgoing_index import BATCH, OutgoingIndex
from .parse import glance
from .record import Record, read_header
from .segments import Position, handed_over_numbers, segment_path

LOOK_EVERY = 30.0
"""Seconds between two looks at what others have handed over, if nobody announces it."""
NUMBERS: Final = 10**9
"""Of one owner: more than any will receive."""

_EPOCH: Final = "epoch"
_KEPT: Final = "kept"


class SharedIndex(OutgoingIndex):
    """The index of the session's owner, once `begin` was called; until then it is as any other."""

    def __init__(self, directory: Path, *, look: Look, remember: int, durable: bool) -> None:
        super().__init__(directory, look=look, remember=remember, durable=durable)
        self._copies: Copies | None = None
        self._visible: int | None = None
        """Up to where readers may get what is here; None: all."""
        self._taking: list[Copy] = []
        """What is here, and was not taken from there for sure."""
        self._is_unsure = False
        """Whether something may be here that is there, too: no reader gets what is new then."""
        self._look_at = 0.0

    def begin(self, copies: Copies) -> None:
        """Be the index of the session's owner from now on."""
        term = copies.begin()
        while self.ingest(BATCH).more:
            pass
        before = self.counts.get(_EPOCH)
        if before is None or before + 1 < term.epoch:
            # Another owner may have handed out what waits here, so that place says what is left.
            while left := self.unread():
                copies.keep([copy for _, copy in left])
                self.give_up(number for number, _ in left)
        self._copies = copies
        self._share_readers(copies, term, is_new=before is None)
        self._begin_term(term, is_next=before is not None and before + 1 >= term.epoch)
        self._visible = min(self.counts.get(_KEPT, 0), self.number)
        self._look_elsewhere(also_ours=True)
        self._keep_new()

    def _share_readers(self, copies: Copies, term: Term, *, is_new: bool) -> None:
        """Have the readers that there are for every machine, and no others."""
        for name in self.cursors.keys() - term.readers:
            if is_new:  # they have read before others could know of it
                copies.register(name)
            else:
                super().forget(name)
        for name in term.readers - self.cursors.keys():
            super().register(name)

    def _begin_term(self, term: Term, *, is_next: bool) -> None:
        base = (term.epoch - 1) * NUMBERS
        jump = 0 if is_next else max(0, base - self.number)
        with self._changing("write"):
            self._count(_EPOCH, term.epoch - self.counts.get(_EPOCH, 0))
            if jump:
                self._count(JUMPED, jump)
                statements.jump(self._connection, self.number, jump)
                self.number += jump
            if not is_next:  # nobody waits for what is here
                self._count(_KEPT, self.number - self.counts.get(_KEPT, 0))
        if jump:
            for cursor in self.cursors.values():
                cursor.pass_over(self.number)
        self._publish()

    # -- what is taken in --------------------------------------------------------------------------

    def ingest(self, limit: int) -> Ingested:
        """Take records of the log into the index; keep them elsewhere, and look there, if due."""
        copies = self._copies
        before = self._visible
        found = super().ingest(limit)
        if copies is None or before is None:
            return found
        if copies.arrivals.take() or time.monotonic() >= self._look_at or self._is_unsure:
            try:
                self._look_elsewhere()
            except InboxError:
                if copies.keeps_all or self._is_unsure:
                    raise  # nothing may be handed out; else what is here goes on
        self._keep_new()
        added = (self._visible or 0) - before
        return Ingested(added, found.more, found.blocked)

    def _look_elsewhere(self, *, also_ours: bool = False) -> None:
        """Take in all that others have handed over."""
        assert self._copies is not None
        self._look_at = time.monotonic() + LOOK_EVERY
        self._confirm()
        after = 0
        while waiting := self._copies.waiting(after, BATCH, also_ours=also_ours):
            after = waiting[-1].number
            self._is_unsure = True
            self._take_in(waiting)
            self._taking = list(waiting)
            self._confirm()
        self._is_unsure = False

    def _confirm(self) -> None:
        if self._taking and self._copies is not None:
            self._copies.taken(self._taking)
            self._taking = []

    def _take_in(self, copies: Sequence[Copy]) -> None:
        known = dict(self._numbers(copy.key for copy in copies))
        new = [copy for copy in copies if copy.key not in known]
        segment = self._write_segment(new) if new else 0
        offset = 0
        with self._changing("write"):
            for copy in new:
                header = read_header(copy.record, 0)
                assert header is not None
                self.number += 1
                known[copy.key] = self.number
                self._connection.execute("INSERT INTO seen VALUES (?, ?)", (self.number, copy.key))
                self._connection.execute(
                    "INSERT INTO items VALUES (?, ?, ?, ?)",
                    (self.number, segment, offset, header.arrived),
                )
                offset += len(copy.record)
            self._connection.execute("UPDATE scan SET number = ?", (self.number,))
        done: dict[str, set[int]] = {}
        for copy in copies:
            for name in copy.done & self.cursors.keys():
                done.setdefault(name, set()).add(known[copy.key])
        self._settle(done)

    def _write_segment(self, copies: Sequence[Copy]) -> int:
        number = -(self.number + 1)  # of its first item, so that none is used twice
        with raised_as(InboxError, self._path, "write beside"):
            private_files.replace(
                segment_path(self._directory, number), b"".join(copy.record for copy in copies)
            )
        return number

    def _keep_new(self) -> None:
        """Have what is new kept elsewhere, if it is to be, and let readers have it."""
        copies = self._copies
        assert copies is not None
        first = self._visible or 0
        if copies.keeps_all and self.cursors and self.number > first:
            for batch in self._from(first):
                copies.keep(batch)
        if self._is_unsure:
            return
        if self.number > first:
            with self._changing("write"):
                self._count(_KEPT, self.number - self.counts.get(_KEPT, 0))
        self._visible = self.number

    def _from(self, number: int) -> Iterable[list[Copy]]:
        """Return what comes after a number, in batches."""
        while True:
            with raised_as(InboxError, self._path, "read"):
                rows = self._connection.execute(
                    "SELECT number, segment, offset, (SELECT key FROM seen WHERE"
                    " seen.number = items.number) FROM items WHERE number > ? AND segment > 0"
                    " ORDER BY number LIMIT ?",
                    (number, BATCH),
                ).fetchall()
            if not rows:
                return
            number = rows[-1][0]
            found = (
                (self._record(Position(segment, offset)), key, self._done(each))
                for each, segment, offset, key in rows
            )
            wanted = (each for each in found if len(each[2]) < len(self.cursors))
            copies = (self._copy(*each) for each in wanted)
            yield [copy for copy in copies if copy is not None]

    def _numbers(self, keys: Iterable[bytes]) -> Iterable[tuple[bytes, int]]:
        with raised_as(InboxError, self._path, "read"):
            for key in keys:
                row = self._connection.execute(
                    "SELECT number FROM seen WHERE key = ?", (key,)
                ).fetchone()
                if row is not None:
                    yield key, row[0]

    # -- the readers -------------------------------------------------------------------------------

    def fetch(self, name: str, after: int, limit: int) -> list[tuple[int, Position, Record | None]]:
        """Return a reader's next items that may be handed out, see `Index.fetch`."""
        found = super().fetch(name, after, limit)
        visible = self._visible
        return found if visible is None else [each for each in found if each[0] <= visible]

    def register(self, name: str) -> Cursor:
        """Return a reader's cursor; a new one is known wherever the session is, from now on."""
        if self._copies is not None and name not in self.cursors:
            self._copies.register(name)
        return super().register(name)

    def forget(self, name: str) -> None:
        """Remove a reader, wherever the session is."""
        if self._copies is not None:
            self._copies.forget(name)
        super().forget(name)

    def advance(self, name: str, acknowledged: Sequence[int], handed: int) -> None:
        """Move a reader's cursor; what is kept elsewhere is acknowledged there before."""
        copies = self._copies
        if copies is not None and copies.keeps_all and acknowledged:
            keys = self._keys(acknowledged)
            if keys:
                copies.acknowledge(name, keys)
        super().advance(name, acknowledged, handed)

    def _keys(self, numbers: Iterable[int]) -> list[bytes]:
        with raised_as(InboxError, self._path, "read"):
            rows = [
                self._connection.execute(
                    "SELECT key FROM seen WHERE number = ?", (number,)
                ).fetchone()
                for number in numbers
            ]
        return [row[0] for row in rows if row is not None]

    def set_aside_elsewhere(self, generation: int, target: Path) -> None:
        """Put aside what other machines have received for the account before."""
        older = self._handed_over_before(generation)
        for segment in {segment for _, segment in older}:
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                (target / segment_path(target, segment).name).hardlink_to(
                    segment_path(self._directory, segment)
                )
        if older:
            self._acknowledge({number for number, _ in older})
        if self._copies is not None:
            self._copies.set_aside_before(generation, target)

    def _handed_over_before(self, generation: int) -> list[tuple[int, int]]:
        with raised_as(InboxError, self._path, "read"):
            rows = self._connection.execute(
                "SELECT number, segment, offset FROM items WHERE segment < 0"
            ).fetchall()
        found = []
        for number, segment, offset in rows:
            record = self._record(Position(segment, offset))
            if record is not None and record.header.generation < generation:
                found.append((number, segment))
        return found

    # -- what is not needed any more ---------------------------------------------------------------

    def _retire(self) -> None:
        super()._retire()
        files = handed_over_numbers(self._directory)
        if not files:
            return
        with self._changing("write"):
            self._connection.execute(
                "DELETE FROM items WHERE segment < 0 AND number <= ?", (self._by_all(),)
            )
        needed = {
            segment
            for (segment,) in self._connection.execute(
                "SELECT DISTINCT segment FROM items WHERE segment < 0"
            )
        }
        for number in set(files) - needed:
            with contextlib.suppress(OSError):  # it is removed the next time
                segment_path(self._directory, number).unlink()

    def _publish(self) -> None:
        super()._publish()
        jumped = self.counts.get(JUMPED, 0)
        if jumped:
            self.figures = replace(self.figures, received=self.number - jumped)


def open_index(
    directory: Path,
    copies: Copies | None,
    *,
    look: Look = glance,
    remember: int,
    durable: bool,
) -> Index:
    """Open the index of an inbox, shared if there are copies. Raises InboxError, LogError."""
    if copies is None:
        return Index.open(directory, look=look, remember=remember, durable=durable)
    index = SharedIndex.open(directory, look=look, remember=remember, durable=durable)
    try:
        index.begin(copies)
    except BaseException:
        index.close()
        raise
    return index
