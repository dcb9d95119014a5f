"""A store for tests: a session's keys, lock and journal in memory, its messages in a directory.

The inbox and the outbox are files by their nature (a log that survives a kill, a database of keys),
so a test has the real ones, in a directory of their own that goes with the store; in memory too,
where the system has a place for that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import KeysGone, LockHeld
from ..notify.memory import FILE as NOTICES
from ..notify.memory import FileMemory

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime

    from ..control import Orders, Talks
    from ..crashes import CrashReport
    from ..journal import Memory
    from ..status import Status, StepRecord


_IN_MEMORY: Final = "/dev/shm"  # noqa: S108 - only a directory of our own in it is used


class MemoryStore:
    """Keeps one session for as long as the object lives, see `seams.Store`.

    Handed to one supervisor after the other, the second finds what the first left.
    """

    database = Path("memory")
    lock_descriptor = None
    copies = None
    sends = None

    def __init__(self, *, paired: bool = False) -> None:
        self.keys = MemoryKeys(paired=paired)
        self.journal = MemoryJournal()
        self.crashes: list[CrashReport] = []
        self.received = 0
        """How many messages somebody wrote: an id is never used twice."""
        self._held = False
        self._directory: Path | None = None

    @property
    def inbox(self) -> Path:
        """A directory that is there as long as the store."""
        return self._files() / "inbox"

    @property
    def outbox(self) -> Path:
        """A file in it."""
        return self._files() / "outbox.db"

    @property
    def notices(self) -> FileMemory:
        """A file beside that."""
        return FileMemory(self._files() / NOTICES)

    def acquire(self) -> None:
        """Take it; raises LockHeld if a supervisor has it."""
        if self._held:
            raise LockHeld("this store is used by another supervisor of the test")
        self._held = True

    def claim(self) -> None:
        """Do nothing: nobody else can have the keys."""

    def release(self) -> None:
        """Let the next supervisor have it."""
        self._held = False

    def _files(self) -> Path:
        if self._directory is None:
            parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
            self._directory = Path(tempfile.mkdtemp(prefix="wa-supervisor-test-", dir=parent))
            weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        return self._directory

    def shared(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return contextlib.nullcontext()

    def open_journal(self) -> tuple[MemoryJournal, MemoryReserve]:
        """Return the journal as it is."""
        return self.journal, MemoryReserve()

    def report(self, crash: CrashReport) -> None:
        """Keep a report in `crashes`."""
        self.crashes.append(crash)

    def control(
        self, orders: Orders, status: Callable[[], Status], talks: Talks
    ) -> AbstractAsyncContextManager[None]:
        """Do nothing: no other program can ask."""
        del orders, status, talks
        return contextlib.nullcontext()


class MemoryKeys:
    """Whether a device is paired, and whether there is a copy of its keys."""

    def __init__(self, *, paired: bool) -> None:
        self.paired = paired
        self.copied = False
        self.purged: list[str] = []
        """The reasons for which dead sessions were set aside."""

    def before_dial(self, generation: int) -> bool:
        """Copy the keys, if there are any, and say whether there are. Raises KeysGone."""
        del generation
        if self.copied and not self.paired:
            raise KeysGone("the session's keys are gone, and no purge took them")
        self.copied = self.copied or self.paired
        return self.paired

    def while_connected(self, *, first: bool) -> None:
        """Copy the keys."""
        del first
        self.copied = True

    def purge(self, reason: str) -> None:
        """Clear everything away."""
        self.purged.append(reason)
        self.paired = self.copied = False

    def restore(self) -> bool:
        """Put the copy back, if there is one."""
        self.paired = self.paired or self.copied
        return self.paired


class MemoryJournal:
    """Steps and memory in lists, see `journal.Records`."""

    was_lost = False

    def __init__(self) -> None:
        self.records: list[StepRecord] = []
        self.ignored: Counter[tuple[str, str]] = Counter()
        self._memory: Memory | None = None

    def memory(self) -> Memory | None:
        """What the last step left to remember."""
        return self._memory

    def append(self, record: StepRecord, memory: Memory) -> None:
        """Keep a step and what to remember after it."""
        self.records.append(record)
        self._memory = memory

    def skip(self) -> None:
        """Do nothing: every step can be kept."""

    def ignore(self, record: StepRecord) -> None:
        """Count a fact that meant nothing where it came."""
        self.ignored[record.before, record.fact] += 1

    def close(self) -> None:
        """Do nothing."""


class MemoryReserve:
    """Nothing is ever in it, as the journal can always be written, see `journal.DialReserve`."""

    def prepare(self) -> None:
        """Do nothing."""

    def read(self) -> tuple[datetime, ...]:
        """Return no dials."""
        return ()

    def write(self, dials: tuple[datetime, ...]) -> None:
        """Do nothing."""
