"""One session on one worker: its keys and its memory in the fleet's database, the rest on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import private_files
from ..local_store import LocalStore
from ..messages.own import (
    forget_pairing,
    keep_own_text,
    keep_pairing,
    read_own_text,
    read_pairing,
)
from ..store.fleet_note import FleetNote, write_note
from .copies import FleetCopies
from .keys import FleetKeys
from .notices import FleetNotices
from .records import NoReserve, PostgresRecords
from .sends import FleetSends

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import LockHeld
    from ..settings import Settings
    from .database import FleetDatabase
    from .ownership import Ownership


class FleetStore(LocalStore):
    """Keeps one session for the worker that owns it, see `seams.Store`.

    On the worker's disk are the lock of the session's directory, its control socket, its inbox and
    its crash reports. `settings.database` is the URL for the session process alone. `on_lost` is
    told, from any thread and perhaps more than once, when something was not written because the
    session is another worker's: it is to be ended here.
    """

    def __init__(
        self,
        settings: Settings,
        database: FleetDatabase,
        ownership: Ownership,
        *,
        on_lost: Callable[[LockHeld], None] = lambda _: None,
    ) -> None:
        super().__init__(settings)
        self._settings = settings
        self._fleet = database
        self._ownership = ownership
        self._on_lost = on_lost
        self._account: str | None = None
        keeps_all = settings.fleet.inbox == "postgres"
        self._copies = FleetCopies(database, ownership, keeps_all=keeps_all)
        self.keys = FleetKeys(
            database,
            ownership,
            keep_snapshots=settings.snapshots.keep,
            keep_quarantined=settings.quarantine.keep,
            keep_days=settings.quarantine.days,
        )

    @property
    def copies(self) -> FleetCopies:
        """The session's messages in the fleet's database."""
        return self._copies

    @property
    def sends(self) -> FleetSends:
        """The outbox, which goes with the session: what one worker has sent no other sends."""
        return FleetSends(self._fleet, self._ownership)

    @property
    def notices(self) -> FleetNotices:
        """What was notified, which goes with the session."""
        return FleetNotices(self._fleet, self._ownership)

    def acquire(self) -> None:
        """Make or check the directory, lock it, and note whose it is."""
        self.files.prepare_directory()
        self._lock.acquire()
        try:
            self._restore_account()
            write_note(
                self.files, FleetNote(worker=self._ownership.worker, epoch=self._ownership.epoch)
            )
        except BaseException:
            self._lock.release()
            raise

    def _restore_account(self) -> None:
        """Have here what an earlier owner knew of whose session it is."""
        with self._fleet.transaction() as connection:
            row = connection.execute(
                "SELECT addresses, paired FROM accounts WHERE session = %s",
                (self._ownership.session,),
            ).fetchone()
        if row is not None:
            self._account = row["addresses"]
            with private_files.explained("note whose session it is", self.inbox):
                private_files.make_directory(self.inbox)
                if row["paired"] is None:
                    forget_pairing(self.inbox)
                else:
                    keep_pairing(self.inbox, row["paired"])
                keep_own_text(self.inbox, self._account)

    def _mend(self) -> None:
        """Let the next owner know whose session it is, if that could not be noted at once."""
        text = read_own_text(self.inbox)
        if text is None or text == self._account:
            return
        with self._fleet.transaction() as connection:
            row = connection.execute(
                "SELECT addresses FROM accounts WHERE session = %s", (self._ownership.session,)
            ).fetchone()
        if row is None or row["addresses"] != text:
            self.copies.note_account(text, read_pairing(self.inbox))
        self._account = text

    def claim(self) -> None:
        """See that the session is still this worker's. Raises LockHeld, Unreachable."""
        with self._fleet.as_owner(self._ownership):
            pass

    def release(self) -> None:
        """Let others have the directory; the session is this worker's until it is taken over."""
        self._lock.release()

    def open_journal(self) -> tuple[PostgresRecords, NoReserve]:
        """Return the journal in the fleet's database."""
        records = PostgresRecords(
            self._fleet, self._ownership, self._settings.journal, on_lost=self._on_lost
        )
        return records, NoReserve()
