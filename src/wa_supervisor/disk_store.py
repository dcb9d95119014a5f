"""A session in its directory, with its keys there or in Postgres: the store that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .journal import Journal, Reserve
from .local_store import LocalStore
from .store import CredentialKeeper, open_vault
from .store.fleet_note import refuse_fleets

if TYPE_CHECKING:
    from .settings import Settings


class DiskStore(LocalStore):
    """Keeps one session as its settings say, see `seams.Store`; touches nothing before `acquire`.

    Raises ConfigError if Postgres is asked for and its driver is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._vault = open_vault(self.files, settings.database)
        self._journal: Journal | None = None
        self.keys = CredentialKeeper(
            self.files,
            self._vault,
            keep_snapshots=settings.snapshots.keep,
            keep_quarantined=settings.quarantine.keep,
            keep_days=settings.quarantine.days,
            holding_lock=self._in_place,
        )

    def acquire(self) -> None:
        """Make or check the directory, and lock it. Raises StoreError if it is a fleet's, too."""
        refuse_fleets(self.files)
        self._vault.prepare()
        self._lock.acquire()

    def claim(self) -> None:
        """Take the keys in Postgres; those in the directory are ours by the lock."""
        self._vault.claim()

    def release(self) -> None:
        """Let others have the keys and the directory."""
        self._vault.release()
        self._lock.release()

    def open_journal(self) -> tuple[Journal, Reserve]:
        """Open the journal in the directory."""
        self._journal = Journal.open(self.files.journal, self._settings.journal)
        return self._journal, Reserve(self.files.reserve)

    def _mend(self) -> None:
        if self._journal is not None:
            self._journal.mend()
