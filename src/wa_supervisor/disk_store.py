"""A session in its directory, with its keys there or in Postgres: the store that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import crashes
from .control import listening
from .journal import Journal, Reserve
from .store import CredentialKeeper, SessionFiles, SessionLock, open_vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from .control import Orders
    from .crashes import CrashReport
    from .settings import Settings
    from .status import Status


class DiskStore:
    """Keeps one session as its settings say, see `seams.Store`; touches nothing before `acquire`.

    Raises ConfigError if Postgres is asked for and its driver is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.files = SessionFiles.at(settings.session, settings.data_dir)
        self._settings = settings
        self._vault = open_vault(self.files, settings.database)
        self._lock = SessionLock(self.files)
        self.keys = CredentialKeeper(
            self.files,
            self._vault,
            keep_snapshots=settings.snapshots.keep,
            keep_quarantined=settings.quarantine.keep,
            keep_days=settings.quarantine.days,
            holding_lock=self._lock.shared,
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
        return Journal.open(self.files.journal, self._settings.journal), Reserve(self.files.reserve)

    def report(self, crash: CrashReport) -> None:
        """Write a report into the directory."""
        crashes.write(self.files.directory, crash)

    def control(
        self, orders: Orders, status: Callable[[], Status]
    ) -> AbstractAsyncContextManager[None]:
        """Listen at a socket in the directory."""
        return listening(self.files, orders, status)
