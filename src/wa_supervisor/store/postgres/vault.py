"""A session's keys in Postgres: copied into files, set aside, put back.

The rows are in the database; snapshots and quarantine are files, as for SQLite. What changes
both is one transaction, and its commit decides. In this order:

1. lock the tables, read the rows, write them into the staging directory;
2. make the intent durable;
3. change the rows; commit;
4. move the staged entry into the quarantine, with the old snapshots; remove the intent.

Whoever comes next and finds the intent compares the rows with the staged ones. If they are the
same, the commit did not take place: the copy is thrown away, nothing was changed (old). If not, it
did: step 4 is done (new). A crash before step 2 leaves nothing but a copy. So at no moment are the
rows gone without a copy that will be found; and what an operator did to the rows meanwhile can at
worst leave a copy too many.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ... import private_files
from ...errors import Damaged, StoreError
from ...hints import Action, Hint
from .. import intent, quarantine
from ..intent import Intent, Operation, Recovered
from ..quarantine import ROWS, Quarantined
from ..restore import REASON, Restored, choose
from ..snapshots import KEEP, Snapshot, list_snapshots, publish, rotate
from . import rows
from .claim import Claim

if TYPE_CHECKING:
    from pathlib import Path

    from ..layout import SessionFiles
    from .database import Database
    from .rows import Copy

log = logging.getLogger("wa_supervisor")


@dataclass(frozen=True)
class PostgresVault:
    """The keys are in a Postgres database that is the session's own."""

    files: SessionFiles
    database: Database
    _claim: Claim = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_claim", Claim(self.database))

    def claim(self) -> None:
        """Make sure that no other supervisor or command has the database, see `claim.Claim`."""
        self._claim.hold()

    def release(self) -> None:
        """Let others have it."""
        self._claim.release()

    def prepare(self) -> None:
        """Make the session's directory ready; the database is not looked at."""
        self.files.prepare_directory()

    def recover(self) -> Recovered:
        """Finish or undo what a crash left half done, see the module. Raises StoreError."""
        files = self.files
        if not os.path.lexists(files.intent):
            return intent.recover(files)
        declared = intent.read_intent(files)
        waiting = files.staging / (declared.entry or "")
        if declared.entry is None or not waiting.is_dir() or (waiting / "snapshots").exists():
            return intent.recover(files)  # files were moved: it was committed
        with private_files.explained("read what was set aside", files.directory):
            staged = private_files.read(waiting / ROWS) if (waiting / ROWS).exists() else None
        if staged is None and declared.operation is Operation.PURGE:
            return intent.recover(files)  # there were no rows to delete
        with self.database.transaction() as tables:
            unchanged = _written(tables.read()) == staged
        return intent.withdraw(files) if unchanged else intent.recover(files)

    def is_paired(self) -> bool:
        """Say whether a device is registered. Raises StoreError."""
        with self.database.transaction() as tables:
            return tables.has_device()

    def snapshots(self) -> tuple[Snapshot, ...]:
        """List the copies, the newest first. Raises StoreError."""
        return list_snapshots(self.files.snapshots, rows.SUFFIX)

    def take_snapshot(self, generation: int, *, keep: int = KEEP) -> Snapshot | None:
        """Copy the rows, unless the newest copy holds the same; None if it is not paired.

        Safe while a session process lives. Raises StoreError.
        """
        files = self.files
        self.recover()
        with self.database.transaction() as tables:
            copy = tables.read()
        if copy is None or copy.device is None:
            return None
        with private_files.explained("keep a snapshot", files.directory):
            known = self.snapshots()
            made = (
                known[0] if known and private_files.read(known[0].path) == copy.encode() else None
            )
            if made is None:
                intent.begin(files)
                try:
                    draft = files.staging / f"snapshot{rows.SUFFIX}"
                    private_files.create(draft, copy.encode())
                    made = publish(files, draft, known, generation)
                finally:
                    private_files.remove_tree(files.staging)
            rotate(self.snapshots(), keep)
        return made

    def purge(self, reason: str, generation: int = 0) -> Quarantined | None:
        """Set the rows and the snapshots aside; None if there was nothing. Raises StoreError."""
        files = self.files
        self.recover()
        with private_files.explained("set the session aside", files.directory):
            with self.database.transaction(alone=True) as tables:
                declared = self._declare(
                    Operation.PURGE, reason, generation, tables.read(), with_snapshots=True
                )
                tables.clear()
            if declared is None:
                return None
            intent.carry_out(files, declared)
        return self._entry(declared)

    def restore(self, wanted: str | None = None, *, generation: int = 0) -> Restored | None:
        """Put the newest good copy back, or what `wanted` names; None if there is no good one.

        What is there now is set aside first. Raises ConfigError if `wanted` names nothing,
        StoreError if the database cannot be used, or has no tables yet.
        """
        files = self.files
        self.recover()
        sources = self.snapshots() if wanted is None else (self.choose(wanted),)
        if not sources:
            return None
        with private_files.explained("restore the session", files.directory):
            with self.database.transaction(alone=True) as tables:
                now = tables.read()
                if now is None:
                    raise StoreError(
                        "the Postgres database has no tables of whatsmeow, so no copy can be put "
                        "back: is it the right one?",
                        hint=Hint(Action.PURGE),
                    )
                found = self._first_good(sources, now.version)
                if found is None:
                    return None
                source, copy = found
                aside = isinstance(source, Quarantined)
                declared = self._declare(
                    Operation.RESTORE, REASON, generation, now, with_snapshots=aside
                )
                tables.clear()
                tables.fill(copy)
            if declared is not None:
                intent.carry_out(files, declared)
        return Restored(source.id, declared.entry if declared else None)

    def choose(self, wanted: str) -> Snapshot | Quarantined:
        """Find what an operator's ID means. Raises ConfigError."""
        return choose(self.files, wanted, self.snapshots())

    def copies_in(self, source: Snapshot | Quarantined) -> tuple[Path, ...]:
        """Name the files that `restore` could take from there."""
        return (source.path,) if isinstance(source, Snapshot) else source.copies(rows.SUFFIX)

    def _declare(
        self,
        operation: Operation,
        reason: str,
        generation: int,
        now: Copy | None,
        *,
        with_snapshots: bool,
    ) -> Intent | None:
        """Save what is there now, and make the intent durable; None if there is nothing."""
        files, content = self.files, _written(now)
        there = with_snapshots and os.path.lexists(files.snapshots)
        parts = (files.snapshots.name,) if there else ()
        if content is None and not parts:
            return None
        intent.begin(files)
        entry = quarantine.stage(files, reason, generation, parts, content)
        declared = Intent(operation=operation, entry=entry, parts=parts)
        intent.declare(files, declared)
        return declared

    def _first_good(
        self, sources: tuple[Snapshot | Quarantined, ...], version: int
    ) -> tuple[Snapshot | Quarantined, Copy] | None:
        for source in sources:
            for path in self.copies_in(source):
                if not os.path.lexists(path):
                    continue
                flaw = source.flaw_in(path)
                if flaw is None:
                    try:
                        copy = _read(path, version)
                    except Damaged as error:
                        flaw = str(error)
                    else:
                        if copy.device is not None:
                            return source, copy
                        continue
                log.warning("session %s: %s is passed over: %s", self.files.name, source.id, flaw)
        return None

    def _entry(self, declared: Intent) -> Quarantined | None:
        entries = quarantine.quarantined(self.files)
        return next((each for each in entries if each.id == declared.entry), None)


def _written(copy: Copy | None) -> bytes | None:
    return None if copy is None or copy.is_empty else copy.encode()


def _read(path: Path, version: int) -> Copy:
    """Read a copy that can be put back. Raises Damaged if it cannot, OSError."""
    copy = rows.decode(private_files.read(path), path.name)
    rows.check_version(copy, version, path.name)
    return copy
