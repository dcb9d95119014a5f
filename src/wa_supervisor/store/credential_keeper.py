"""When a session's keys are copied, set aside and put back.

One keeper serves one run of one session, under the session's lock. Its methods block for a short
time and may be called from any thread; only one of them acts at a time. Each first sees that the
keys are ours alone, and raises LockHeld if they are not.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import Damaged, KeysGone, StoreError
from . import quarantine, snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from .layout import SessionFiles
    from .vault import Vault

log = logging.getLogger("wa_supervisor")

_TURN_TIMEOUT = 20.0
"""Seconds one task waits for another. Each is bounded by the disk and by `database.TIMEOUT`."""


@dataclass
class CredentialKeeper:
    """Keeps one session's credentials."""

    files: SessionFiles
    vault: Vault
    """Where the keys are; it does all that is done to them."""
    keep_snapshots: int = snapshots.KEEP
    """How many snapshots are kept."""
    keep_quarantined: int = quarantine.KEEP
    """How many quarantined sessions are kept, each for `keep_days` at most."""
    keep_days: float = quarantine.DAYS
    holding_lock: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    """Entered for every task: keeps the session ours until it is done, see `SessionLock.shared`."""
    _generation: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def before_dial(self, generation: int) -> bool:
        """Make the files ready for a session process, and say whether the session is paired.

        No session process may live. What a crash left half done is finished or undone. A paired
        session is copied before it dials; if that fails, an older copy will do, but without any
        the dial is refused.

        Raises KeysGone if there are snapshots and no keys, so no purge took them: whatsmeow has
        deleted them, as WhatsApp rejected them, and its process ended before that was heard; or
        someone removed the file. Raises StoreError if it fails otherwise.
        """
        with self._acting():
            vault, self._generation = self.vault, generation
            vault.recover()
            vault.prepare()
            paired = vault.is_paired()
            if not paired and vault.snapshots():
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
                if not (first and self.vault.snapshots()):
                    self._copy()
        except StoreError as error:
            log.warning("no snapshot was taken of the connected session: %s", error)

    def purge(self, reason: str) -> None:
        """Set the dead session aside. No session process may live. Raises StoreError."""
        with self._acting():
            entry = self.vault.purge(reason, self._generation)
            if entry is not None:
                log.info("the dead session was set aside as %s", entry.id)
            self._expire()

    def restore(self) -> bool:
        """Make sure that there are keys to dial with once more, and say whether there are.

        Keys that are still there are the freshest: they are not replaced. No session process may
        live. Raises StoreError.
        """
        with self._acting():
            self.vault.recover()
            with contextlib.suppress(Damaged):
                if self.vault.is_paired():
                    log.info("the keys are still there; trying them once more")
                    return True
            return self._restore()

    def _restore(self) -> bool:
        restored = self.vault.restore(generation=self._generation)
        if restored is None:
            log.warning("there is no good snapshot to put back")
            return False
        log.info("snapshot %s was put back", restored.id)
        return True

    def _copy(self) -> None:
        self.vault.take_snapshot(self._generation, keep=self.keep_snapshots)

    def _copy_or_do_with_an_older_one(self) -> None:
        try:
            self._copy()
        except Damaged:
            raise
        except StoreError as error:
            known = self.vault.snapshots()
            if not known:
                raise
            log.warning(
                "no snapshot was taken before the dial, %s is older: %s", known[0].id, error
            )

    def _expire(self) -> None:
        try:
            quarantine.expire(self.files, keep=self.keep_quarantined, days=self.keep_days)
        except StoreError as error:
            log.warning("an expired session is still in the quarantine: %s", error)

    @contextlib.contextmanager
    def _acting(self) -> Iterator[None]:
        with self.holding_lock():
            if not self._turn.acquire(timeout=_TURN_TIMEOUT):
                raise StoreError("another task on the session's files does not end")
            try:
                self.vault.claim()
                yield
            finally:
                self._turn.release()
