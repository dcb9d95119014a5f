"""A session in its directory, with its keys there or in Postgres: the store that is used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from . import crashes
from .control import listening
from .errors import StoreError
from .journal import Journal, Reserve
from .store import CredentialKeeper, SessionFiles, SessionLock, open_vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .control import Orders, Talks
    from .crashes import CrashReport
    from .settings import Settings
    from .status import Status


log = logging.getLogger("wa_supervisor")

WATCH_EVERY: Final = 30.0
"""Seconds between two looks whether the session's files are still there."""


class DiskStore:
    """Keeps one session as its settings say, see `seams.Store`; touches nothing before `acquire`.

    Raises ConfigError if Postgres is asked for and its driver is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.files = SessionFiles.at(settings.session, settings.data_dir)
        self._settings = settings
        self._vault = open_vault(self.files, settings.database)
        self._lock = SessionLock(self.files)
        self._journal: Journal | None = None
        self.keys = CredentialKeeper(
            self.files,
            self._vault,
            keep_snapshots=settings.snapshots.keep,
            keep_quarantined=settings.quarantine.keep,
            keep_days=settings.quarantine.days,
            holding_lock=self._in_place,
        )

    @property
    def database(self) -> Path:
        """The SQLite file of the client."""
        return self.files.database

    @property
    def outbox(self) -> Path:
        """The outbox beside the journal."""
        return self.files.directory / "outbox.db"

    @property
    def inbox(self) -> Path:
        """The directory of what is received."""
        return self.files.directory / "inbox"

    @property
    def lock_descriptor(self) -> int | None:
        """The lock's open file."""
        return self._lock.descriptor

    def acquire(self) -> None:
        """Make or check the directory, and lock it."""
        self._vault.prepare()
        self._lock.acquire()

    def claim(self) -> None:
        """Take the keys in Postgres; those in the directory are ours by the lock."""
        self._vault.claim()

    def release(self) -> None:
        """Let others have the keys and the directory."""
        self._vault.release()
        self._lock.release()

    def shared(self) -> AbstractContextManager[None]:
        """Share the lock."""
        return self._lock.shared()

    def open_journal(self) -> tuple[Journal, Reserve]:
        """Open the journal in the directory."""
        self._journal = Journal.open(self.files.journal, self._settings.journal)
        return self._journal, Reserve(self.files.reserve)

    def report(self, crash: CrashReport) -> None:
        """Write a report into the directory."""
        crashes.write(self.files.directory, crash)

    @contextlib.asynccontextmanager
    async def control(
        self, orders: Orders, status: Callable[[], Status], talks: Talks
    ) -> AsyncIterator[None]:
        """Listen at a socket in the directory, and make anew what is deleted there meanwhile."""
        watching = asyncio.create_task(self._watch())
        try:
            async with listening(self.files, orders, status, talks):
                yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    @contextlib.contextmanager
    def _in_place(self) -> Iterator[None]:
        """Share the lock for work on the keys, which must be where they were."""
        with self._lock.shared():
            self._lock.check()
            yield

    async def _watch(self) -> None:
        said = ""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            try:
                await asyncio.to_thread(self._mend)
            except StoreError as error:
                if str(error) != said:
                    log.warning("%s (%s)", error, error.hint)
                said = str(error)
            else:
                said = ""

    def _mend(self) -> None:
        """See that directory, lock and journal are there; make a deleted file anew."""
        with self._lock.shared():
            self._lock.check()
            if self._journal is not None:
                self._journal.mend()
