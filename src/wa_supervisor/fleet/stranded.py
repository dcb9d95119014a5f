"""Messages on a worker's disk that are another's now: counted, and handed over.

A worker died, or could not reach the database; another has its sessions since. What it had received
and nobody had acknowledged is on its disk, and is `stranded` until the disk is back. Then the
worker brings it into the table `messages`, from where the owner takes it, and acknowledges it here:
in this order, so that a death in between brings it twice to the table, which knows it by its key.

The owner hears of it at once, and its readers get it marked `redelivered`, in the order in which it
was received, after what the owner has received meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final

from ..errors import LockHeld, StoreError, SupervisorError
from ..messages.errors import MessagesError
from ..messages.outgoing_index import OutgoingIndex
from ..messages.parse import glance
from ..messages.segments import INDEX
from ..private_files import list_names
from ..store import SessionFiles, SessionLock
from ..store.fleet_note import read_note
from .claims import announce
from .copies import keep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .database import FleetDatabase

log = logging.getLogger("wa_supervisor")

LOOK_EVERY: Final = 30.0
"""Seconds between two looks of a worker."""
REMEMBER: Final = 100_000


class Stranded:
    """The looks of one worker into its own `data_dir`. Blocks; for a worker thread.

    A worker calls `look` at its start and every `LOOK_EVERY` seconds, and `give_up` for a session
    that it has stopped, before others may have it: then the next owner has all at once.
    """

    def __init__(self, database: FleetDatabase, worker: str, data_dir: Path | None) -> None:
        self._database = database
        self._worker = worker
        self._data_dir = data_dir

    def look(self) -> int:
        """Hand over what is another's; return how many messages were. Raises StoreError.

        What cannot be read of one session holds up no other.
        """
        handed = 0
        for files in self._fleets():
            with self._told(files):
                if not self._is_ours(files.name):
                    handed += self._hand_over(files)
        return handed

    def give_up(self, session: str) -> int:
        """Hand over what waits for a session that has stopped here; return how many messages."""
        files = SessionFiles.at(session, self._data_dir)
        with self._told(files):
            if _inbox_in(files):
                return self._hand_over(files)
        return 0

    def _fleets(self) -> Iterator[SessionFiles]:
        root = SessionFiles.at("x", self._data_dir).directory.parent
        try:
            names = sorted(list_names(root))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"cannot list the sessions in {root}: {error.strerror}") from error
        for name in names:
            files = SessionFiles(name, root / name)
            if not name.startswith((".", "-")) and _inbox_in(files):
                with self._told(files):
                    if read_note(files) is not None:
                        yield files

    def _is_ours(self, session: str) -> bool:
        with self._database.transaction() as connection:
            owner = connection.execute(
                "SELECT worker FROM owners WHERE session = %s", (session,)
            ).fetchone()
            if owner is None:
                return True  # it is no session of the fleet: there is nobody to hand it to
            if owner["worker"] == self._worker:
                connection.execute(
                    "DELETE FROM stranded WHERE worker = %s AND session = %s",
                    (self._worker, session),
                )
                return True
        return False

    def _hand_over(self, files: SessionFiles) -> int:
        try:
            with SessionLock(files, command="wa-supervisor fleet worker"):
                return self._empty(files)
        except LockHeld:  # it is still ending here, or begins again
            return 0

    def _empty(self, files: SessionFiles) -> int:
        handed = 0
        index = OutgoingIndex.open(
            files.directory / "inbox", look=glance, remember=REMEMBER, durable=True
        )
        with contextlib.closing(index):
            while index.ingest(1000).more:
                pass
            self._count(files.name, index)
            while batch := index.unread():
                with self._database.transaction() as connection:
                    keep(
                        connection,
                        files.name,
                        [copy for _, copy in batch],
                        worker=self._worker,
                    )
                    announce(connection, files.name)
                index.give_up(number for number, _ in batch)
                handed += len(batch)
                self._count(files.name, index)
        if handed:
            log.info("%s: %s messages that waited here are handed over", files.name, handed)
        return handed

    def _count(self, session: str, index: OutgoingIndex) -> None:
        unread = max(index.figures.depths.values(), default=0)
        with self._database.transaction() as connection:
            if unread:
                connection.execute(
                    "INSERT INTO stranded (worker, session, unread) VALUES (%s, %s, %s)"
                    " ON CONFLICT (worker, session) DO UPDATE SET unread = excluded.unread,"
                    " seen_at = now()",
                    (self._worker, session, unread),
                )
            else:
                connection.execute(
                    "DELETE FROM stranded WHERE worker = %s AND session = %s",
                    (self._worker, session),
                )

    @contextlib.contextmanager
    def _told(self, files: SessionFiles) -> Iterator[None]:
        """Log what is wrong with one session, and go on with the next."""
        try:
            yield
        except (SupervisorError, OSError, MessagesError) as error:
            log.warning("messages of %s are not handed over: %s", files.name, error)


def _inbox_in(files: SessionFiles) -> bool:
    return (files.directory / "inbox" / INDEX).exists()
