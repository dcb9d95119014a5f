"""The durable record of every step, and the memory that goes with the last one.

A row and the memory are written in one transaction that is on the disk when `append` returns, so
there is never a step without its memory or the other way round. What was ignored is only counted:
a storm of it costs nothing, and the counts go along with the next step.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from .. import private_files
from ..errors import JournalError
from ..setting_groups import JournalSettings
from ..sqlite_files import TIMEOUT, says_damaged, set_aside, transaction, was_set_aside
from . import schema
from .entries import Entry, insert, select, sortable
from .memory import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..status import StepRecord

log = logging.getLogger("wa_supervisor")

PRUNE_EVERY = 1000
"""Rows between two looks at what is too old; so many newest rows are kept whatever their age, lest
a clock that jumped ahead empties the journal."""

_PRUNE = """
    DELETE FROM steps
    WHERE id <= (SELECT max(id) FROM steps) - :young AND (
        id <= (SELECT max(id) FROM steps) - :rows
        -- Rows come in the order of time: the first young one ends the search.
        OR id < coalesce(
            (SELECT id FROM steps WHERE ts >= :cutoff ORDER BY id LIMIT 1), 9223372036854775807
        )
    )
"""


class Journal:
    """One session's journal, for one supervisor that holds the session's lock.

    Safe to use from several threads, one at a time. Every method may raise JournalError.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, settings: JournalSettings
    ) -> None:
        self.path = path
        self._connection = connection
        self._settings = settings
        self._lock = threading.Lock()
        self._ignored: Counter[tuple[str, str]] = Counter()
        self._missed = 0
        self._until_prune = 0
        self._place, self._directory = _identity(path), _identity(path.parent)

    @classmethod
    def open(cls, path: Path, settings: JournalSettings | None = None) -> Self:
        """Open the journal, making a private one (0600) if there is none.

        A file that cannot be read is set aside, and a fresh one begun; `was_lost` then says so.
        Raises JournalError if it is of a newer version or the disk does not let us,
        UnsafePermissions if others could read it.
        """
        settings = settings or JournalSettings()
        with _explained(path, "open"):
            schema.tidy(path)
            try:
                return cls._open(path, settings)
            except (sqlite3.DatabaseError, ValidationError) as error:
                if not isinstance(error, ValidationError) and not says_damaged(error):
                    raise
                set_aside(path)
            return cls._open(path, settings)

    @classmethod
    def _open(cls, path: Path, settings: JournalSettings) -> Self:
        private_files.make_empty(path)
        journal = cls(path, schema.connect(path), settings)
        try:
            journal._read_memory()
        except BaseException:
            journal._connection.close()
            raise
        return journal

    @property
    def was_lost(self) -> bool:
        """Whether an earlier journal of this session could not be read and lies beside this one."""
        return was_set_aside(self.path)

    def append(self, record: StepRecord, memory: Memory) -> None:
        """Record a step and what to remember after it. Both are on the disk when this returns.

        If the file has become unreadable, a fresh one is begun: `memory` is all there is to know.
        """
        with self._exclusive("write"):
            try:
                try:
                    self._make_anew_if_deleted()
                    self._write(record, memory)
                except sqlite3.DatabaseError as error:
                    if not says_damaged(error):
                        raise
                    self._begin_anew()
                    self._write(record, memory)
            except BaseException:
                self.skip()
                raise

    def mend(self) -> None:
        """Make the file anew, with all that was in it, if it was deleted while it is open."""
        # ProgrammingError: it is closed already.
        with self._exclusive("look at"), contextlib.suppress(sqlite3.ProgrammingError):
            self._make_anew_if_deleted()

    def skip(self) -> None:
        """Count a step that was not recorded; the next row says how many are missing before it."""
        self._missed += 1

    def ignore(self, record: StepRecord) -> None:
        """Count a fact that meant nothing where it came. On the disk with the next step."""
        self._ignored[record.before, record.fact] += 1

    def memory(self) -> Memory | None:
        """What the last step left to remember; None before the first."""
        with self._exclusive("read"):
            return self._read_memory()

    def steps(self, since: datetime | None = None, limit: int | None = None) -> tuple[Entry, ...]:
        """The newest `limit` steps, not before `since`, oldest first."""
        with self._exclusive("read"):
            return select(self._connection, since, limit)

    def close(self) -> None:
        """Write the last counts and close; closing twice does nothing."""
        with self._exclusive("close"):
            try:
                if self._ignored:
                    with transaction(self._connection):
                        self._write_ignored(self._ignored)
            except sqlite3.ProgrammingError:
                return  # it is closed already
            finally:
                self._connection.close()

    def _write(self, record: StepRecord, memory: Memory) -> None:
        if self._until_prune == 0:
            # Before it is tried: a disk too full for the pruning may have room for the row.
            self._until_prune = PRUNE_EVERY
            self._prune(record.ts)
        self._until_prune -= 1
        # Taken now: the loop may go on counting while a slow disk is still writing.
        missed, ignored = self._missed, self._ignored.copy()
        with transaction(self._connection):
            insert(self._connection, record, missed=missed)
            self._connection.execute(
                "INSERT INTO memory VALUES (1, ?) ON CONFLICT DO UPDATE SET json = excluded.json",
                (memory.model_dump_json(),),
            )
            self._write_ignored(ignored)
        self._missed -= missed
        self._ignored -= ignored

    def _write_ignored(self, counts: Counter[tuple[str, str]]) -> None:
        latest = sortable(datetime.now(UTC))
        self._connection.executemany(
            "INSERT INTO ignored VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET count = count + excluded.count, latest = excluded.latest",
            [(*where, count, latest) for where, count in counts.items()],
        )

    def _prune(self, wall: datetime) -> None:
        settings = self._settings
        with transaction(self._connection):
            self._connection.execute(
                _PRUNE,
                {
                    "young": min(PRUNE_EVERY, settings.keep_rows),
                    "rows": settings.keep_rows,
                    "cutoff": sortable(wall - timedelta(days=settings.keep_days)),
                },
            )

    def _read_memory(self) -> Memory | None:
        found = self._connection.execute("SELECT json FROM memory").fetchone()
        return Memory.model_validate_json(found[0]) if found else None

    def _make_anew_if_deleted(self) -> None:
        if _identity(self.path) == self._place or _identity(self.path.parent) != self._directory:
            return  # with its directory gone, there is nowhere to make it
        draft = self.path.with_name(f".{self.path.name}.new")
        draft.unlink(missing_ok=True)
        private_files.make_empty(draft)
        with contextlib.closing(sqlite3.connect(draft)) as copy:
            self._connection.backup(copy)
        private_files.sync_file(draft)
        self._connection.close()
        schema.remove_sidecars(self.path)  # of the deleted one: they must not be read into this one
        draft.replace(self.path)
        private_files.sync_directory(self.path.parent)
        self._connection = schema.connect(self.path)
        self._place = _identity(self.path)
        log.warning("%s was deleted; it was made anew, with all that was in it", self.path.name)

    def _begin_anew(self) -> None:
        self._connection.close()
        set_aside(self.path)
        private_files.make_empty(self.path)
        self._connection = schema.connect(self.path)
        self._place = _identity(self.path)

    @contextlib.contextmanager
    def _exclusive(self, work: str) -> Iterator[None]:
        if not self._lock.acquire(timeout=TIMEOUT):
            raise JournalError(f"cannot {work} {self.path.name}: the last write is not done yet")
        try:
            with _explained(self.path, work):
                yield
        finally:
            self._lock.release()


@contextlib.contextmanager
def _explained(path: Path, work: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValidationError) as error:
        raise schema.failed(path, work, error) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is at a path; None if there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
