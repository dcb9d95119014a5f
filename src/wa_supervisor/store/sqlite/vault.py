"""A session's keys in its own SQLite file: copied, set aside, put back."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ... import private_files
from ...errors import Damaged
from .. import intent, quarantine
from ..intent import Intent, Operation
from ..quarantine import Quarantined
from ..restore import REASON, Restored, choose
from ..snapshots import KEEP, Snapshot, list_snapshots, publish, rotate
from .database import SUFFIX, copy_database, inspect, same_content, settle
from .device import is_paired

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..intent import Recovered
    from ..layout import SessionFiles

log = logging.getLogger("wa_supervisor")


@dataclass(frozen=True)
class SqliteVault:
    """The keys are in the session's own file. See `Vault` for what is common to all."""

    files: SessionFiles

    def prepare(self) -> None:
        """Make the session's directory and an empty database ready. Raises StoreError."""
        self.files.prepare()

    def claim(self) -> None:
        """Do nothing: who has the directory has the keys."""

    def release(self) -> None:
        """Do nothing."""

    def recover(self) -> Recovered:
        """Finish or undo what a crash left half done. Raises StoreError."""
        return intent.recover(self.files)

    def is_paired(self) -> bool:
        """Say whether a device is registered, see `device.is_paired`. Raises StoreError."""
        return is_paired(self.files.database)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """List the copies, the newest first. Raises StoreError."""
        return list_snapshots(self.files.snapshots, SUFFIX)

    def take_snapshot(self, generation: int, *, keep: int = KEEP) -> Snapshot | None:
        """Copy the database, unless the newest copy holds the same; None if it is not paired.

        Safe while a session process lives. What a crash interrupts is not seen as a snapshot. The
        oldest beyond `keep` are removed. Raises Damaged if the database is broken, StoreError if
        it is locked or the copy cannot be written.
        """
        self.recover()
        with private_files.explained("keep a snapshot", self.files.directory):
            known = self.snapshots()
            made = self._unchanged(known) or self._copy(known, generation)
            if made is not None:
                rotate(self.snapshots(), keep)
        return made

    def purge(self, reason: str, generation: int = 0) -> Quarantined | None:
        """Set the database, its sidecars and the snapshots aside; None if there was nothing.

        `reason` is a code of lower-case letters, digits and `_`. It is crash-atomic, see `intent`.
        Raises StoreError if a file is locked or cannot be moved; nothing is lost then, and it may
        be called again.
        """
        files = self.files
        self.recover()
        with private_files.explained("set the session aside", files.directory):
            settle(files.database)
            parts = quarantine.parts_of(files, with_snapshots=True)
            entry = None
            if parts:
                intent.begin(files)
                entry = quarantine.stage(files, reason, generation, parts)
                purging = Intent(operation=Operation.PURGE, entry=entry, parts=parts)
                intent.perform(files, purging)
            files.database.unlink(missing_ok=True)  # the empty one of `prepare`, if any
        return None if entry is None else quarantine.read_entry(files.quarantine / entry)

    def restore(self, wanted: str | None = None, *, generation: int = 0) -> Restored | None:
        """Put the newest good copy back, or the one `wanted`; None if there is no good one.

        `wanted` is the ID, or the unambiguous beginning of the ID, of a snapshot or of a
        quarantined session. What is there now is set aside first. It is crash-atomic, see `intent`.
        Raises ConfigError if `wanted` names nothing, StoreError if a file is locked or cannot be
        moved; nothing is lost then.
        """
        files = self.files
        self.recover()
        sources = self.snapshots() if wanted is None else (self.choose(wanted),)
        with private_files.explained("restore the session", files.directory):
            settle(files.database)
            for source, path in self._candidates(sources):
                private_files.remove_tree(files.staging)
                intent.begin(files)
                if self._fetch(source, path):
                    return self._put_back(source, generation)
            private_files.remove_tree(files.staging)
        return None

    def choose(self, wanted: str) -> Snapshot | Quarantined:
        """Find what an operator's ID means. Raises ConfigError."""
        return choose(self.files, wanted, self.snapshots())

    def copies_in(self, source: Snapshot | Quarantined) -> tuple[Path, ...]:
        """Name the files that `restore` could take from there."""
        return (source.path,) if isinstance(source, Snapshot) else source.copies(SUFFIX)

    def _unchanged(self, known: tuple[Snapshot, ...]) -> Snapshot | None:
        """Compare the bare files: cheap, and enough while nothing is in a journal."""
        if not known or any(os.path.lexists(path) for path in self.files.sidecars):
            return None
        return known[0] if same_content(self.files.database, known[0].path) else None

    def _copy(self, known: tuple[Snapshot, ...], generation: int) -> Snapshot | None:
        files = self.files
        intent.begin(files)
        draft = files.staging / f"snapshot{SUFFIX}"
        private_files.make_empty(draft)
        try:
            if not copy_database(files.database, draft):
                return None
            if known and same_content(draft, known[0].path):
                return known[0]
            private_files.sync_file(draft)
            return publish(files, draft, known, generation)
        finally:
            private_files.remove_tree(files.staging)

    def _candidates(
        self, sources: tuple[Snapshot | Quarantined, ...]
    ) -> Iterator[tuple[Snapshot | Quarantined, Path]]:
        return ((source, path) for source in sources for path in self.copies_in(source))

    def _fetch(self, source: Snapshot | Quarantined, path: Path) -> bool:
        """Copy a candidate into the staging directory; whether it is whole and has keys."""
        if not os.path.lexists(path):
            return False
        flaw = source.flaw_in(path)
        if flaw is None:
            copy = intent.incoming(self.files)
            private_files.copy(path, copy)
            try:
                return inspect(copy)
            except Damaged as error:
                flaw = str(error)
        log.warning("session %s: %s is passed over: %s", self.files.name, source.id, flaw)
        return False

    def _put_back(self, source: Snapshot | Quarantined, generation: int) -> Restored:
        """Let the fetched copy take the place of what is there. Raises OSError, StoreError."""
        files = self.files
        parts = quarantine.parts_of(files, with_snapshots=isinstance(source, Quarantined))
        entry = quarantine.stage(files, REASON, generation, parts) if parts else None
        restoring = Intent(operation=Operation.RESTORE, entry=entry, parts=parts, incoming=True)
        intent.perform(files, restoring)
        return Restored(source.id, entry)
