"""A session's keys in a fleet: copied, set aside and put back by its owner, and by nobody else.

What `store.CredentialKeeper` means, with everything in Postgres: the keys are in the session's
schema, the copies in `key_copies`, and what changes both is one transaction, so that a crash at any
moment leaves the old or the new. Every method raises LockHeld, and has changed nothing, if another
worker has taken the session over.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final

from ..errors import Damaged, KeysGone, LockHeld, StoreError
from ..store.postgres import rows
from ..store.restore import REASON
from .client_tables import make_tables
from .key_copies import KeyCopies
from .key_schema import KeySchema
from .session_url import session_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..store.postgres.database import Tables
    from .database import FleetDatabase
    from .ownership import Ownership

log = logging.getLogger("wa_supervisor")

_TURN_SECONDS: Final = 20.0
"""One task waits so long for another. Each is bounded by Postgres' clock and ours."""


class FleetKeys:
    """The keys of one session, for one owner. Its methods block; any thread may call them."""

    def __init__(
        self,
        database: FleetDatabase,
        ownership: Ownership,
        *,
        keep_snapshots: int,
        keep_quarantined: int,
        keep_days: float,
    ) -> None:
        self._database = database
        self._owner = ownership
        self._keep_snapshots = keep_snapshots
        self._keep_quarantined = keep_quarantined
        self._keep_days = keep_days
        self._generation = 0
        self._turn = threading.Lock()

    def before_dial(self, generation: int) -> bool:
        """Make the tables ready for a session process, and say whether the session is paired.

        No session process may live. A paired session is copied before it dials; if that fails, an
        older copy will do, but without any the dial is refused.

        Raises KeysGone if there are snapshots and no keys, so no purge took them. Raises LockHeld,
        StoreError if it fails otherwise.
        """
        with self._acting():
            self._generation = generation
            self._prepare()
            with self._working() as (tables, copies):
                paired = tables.has_device()
                if not paired and copies.snapshots():
                    raise KeysGone("the session's keys are gone, and no purge took them")
            self._expire()
            if paired:
                self._copy_or_do_with_an_older_one()
            return paired

    def while_connected(self, *, first: bool) -> None:
        """Copy the living session. With `first`, only if there is no copy yet.

        A failure is logged: a healthy connection is worth more than a fresher copy.
        """
        try:
            with self._acting():
                with self._database.as_owner(self._owner) as connection:
                    KeySchema(connection, self._owner).fence()
                self._copy(only_if_none=first)
        except StoreError as error:
            log.warning("no snapshot was taken of the connected session: %s", error)

    def purge(self, reason: str) -> None:
        """Set the dead session aside. No session process may live. Raises LockHeld, StoreError."""
        with self._acting():
            with self._working(alone=True) as (tables, copies):
                entry = copies.set_aside(
                    tables.read(), reason, self._generation, with_snapshots=True
                )
                tables.clear()
            if entry is not None:
                log.info("the dead session was set aside as %s", entry)
            self._expire()

    def restore(self) -> bool:
        """Make sure that there are keys to dial with once more, and say whether there are.

        Keys that are still there are the freshest: they are not replaced. No session process may
        live. Raises LockHeld, StoreError.
        """
        with self._acting():
            self._prepare()
            return self._restore()

    def _restore(self) -> bool:
        with self._working(alone=True) as (tables, copies):
            if tables.has_device():
                log.info("the keys are still there; trying them once more")
                return True
            now = tables.read()
            if now is None:
                raise StoreError("whatsmeow's tables in the session's schema are gone")
            found = self._first_good(copies, now.version)
            if found is None:
                log.warning("there is no good snapshot to put back")
                return False
            name, copy = found
            copies.set_aside(now, REASON, self._generation, with_snapshots=False)
            tables.clear()
            tables.fill(copy)
        log.info("snapshot %s was put back", name)
        return True

    def _prepare(self) -> None:
        """See that the client's tables are there, as it makes them now, and fenced."""
        with self._database.as_owner(self._owner) as connection:
            schema = KeySchema(connection, self._owner)
            schema.prepare()
            schema.fence()
            if schema.is_current():
                return
        make_tables(session_url(self._database.url, self._owner))
        with self._database.as_owner(self._owner) as connection:
            schema = KeySchema(connection, self._owner)
            schema.fence()
            schema.note_version()

    def _copy(self, *, only_if_none: bool = False) -> None:
        with self._working(of_one_moment=True) as (tables, copies):
            known = copies.snapshots()
            if only_if_none and known:
                return
            copy = tables.read()
            if copy is None or copy.device is None:
                return
            if not known or not copies.holds(known[0], copy):
                copies.add(copy, self._generation)
            copies.rotate(self._keep_snapshots)

    def _copy_or_do_with_an_older_one(self) -> None:
        try:
            self._copy()
        except (Damaged, LockHeld):
            raise
        except StoreError as error:
            with self._working() as (_, copies):
                known = copies.snapshots()
            if not known:
                raise
            log.warning("no snapshot was taken before the dial, %s is older: %s", known[0], error)

    def _first_good(self, copies: KeyCopies, version: int) -> tuple[str, rows.Copy] | None:
        for name in copies.snapshots():
            try:
                copy = rows.decode(copies.content(name), name)
                rows.check_version(copy, version, name)
            except Damaged as error:
                log.warning("session %s: %s is passed over: %s", self._owner.session, name, error)
            else:
                if copy.device is not None:
                    return name, copy
        return None

    def _expire(self) -> None:
        try:
            with self._working() as (_, copies):
                gone = copies.expire(self._keep_quarantined, self._keep_days)
        except StoreError as error:  # of a takeover hears who does more than tidy up
            log.warning("an expired session is still in the quarantine: %s", error)
        else:
            for entry in gone:
                log.info("quarantined %s expired and was removed", entry)

    @contextlib.contextmanager
    def _working(self, **how: bool) -> Iterator[tuple[Tables, KeyCopies]]:
        """Work on the keys and their copies in one transaction, see `as_owner`."""
        with self._database.as_owner(self._owner, **how) as connection:
            yield KeySchema(connection, self._owner).tables(), KeyCopies(connection, self._owner)

    @contextlib.contextmanager
    def _acting(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise StoreError("another task on the session's keys does not end")
        try:
            yield
        finally:
            self._turn.release()
