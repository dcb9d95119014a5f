"""Copies of the session database that are good, private and few.

whatsmeow itself deletes the device's keys when a login is refused (connectionevents.go,
`handleConnectFailure`: 401, 403 and 406), so a copy made afterwards is worth nothing. Therefore
one is made before every dial with credentials, one at the first Connected after a pairing, and
one whenever a connection has proved stable.

A copy of a living session is a moment of a ratchet. Put back, it can log in; but messages that
came after it may have to be sent again by those who wrote them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .disk import discard, list_names, move, sync_directory, sync_file, telling
from .intent import begin, recover
from .layout import make_private_directory, make_private_file
from .sqlite.database import copy_database, same_content
from .stamp import LENGTH, moment, next_stamp

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import SessionFiles

KEEP = 3
"""How many snapshots are kept."""

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-([0-9]+)(\.db|\.json)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy of the session database."""

    path: Path

    @property
    def id(self) -> str:
        """What an operator calls it: when it was made, and by which generation."""
        return self.path.stem

    @property
    def taken(self) -> datetime:
        """When it was made."""
        return moment(self.path.name)

    @property
    def generation(self) -> int:
        """The number of the session process it was made for."""
        return int(self.path.stem[LENGTH + 1 :])


def snapshots(files: SessionFiles) -> tuple[Snapshot, ...]:
    """List the snapshots, the newest first. Raises StoreError."""
    return in_directory(files.snapshots)


def in_directory(directory: Path, suffix: str = ".db") -> tuple[Snapshot, ...]:
    """List a directory's snapshots of one kind, the newest first. Raises StoreError.

    Those of an SQLite file end in `.db`, those of a Postgres database in `.json`.
    """
    names = [name for name in list_names(directory) if _NAME.fullmatch(name)]
    return tuple(Snapshot(directory / name) for name in names if name.endswith(suffix))


def take_snapshot(files: SessionFiles, generation: int, *, keep: int = KEEP) -> Snapshot | None:
    """Copy the database, unless the newest snapshot holds the same; None if it is not paired.

    Safe while a session process lives, but only one deed of this package may run at a time. What
    a crash interrupts is not seen as a snapshot. The oldest beyond `keep` are removed. Raises
    Damaged if the database is broken, StoreError if it is locked or the copy cannot be written.
    """
    recover(files)
    with telling("keep a snapshot", files.directory):
        known = snapshots(files)
        made = _unchanged(files, known) or _copy(files, known, generation)
        if made is not None:
            rotate(snapshots(files), keep)
    return made


def _unchanged(files: SessionFiles, known: tuple[Snapshot, ...]) -> Snapshot | None:
    """Compare the bare files: cheap, and enough while nothing is in a journal."""
    if not known or any(os.path.lexists(path) for path in files.sidecars):
        return None
    return known[0] if same_content(files.database, known[0].path) else None


def _copy(files: SessionFiles, known: tuple[Snapshot, ...], generation: int) -> Snapshot | None:
    begin(files)
    draft = files.staging / "snapshot.db"
    make_private_file(draft)
    try:
        if not copy_database(files.database, draft):
            return None
        if known and same_content(draft, known[0].path):
            return known[0]
        sync_file(draft)
        return publish(files, draft, known, generation)
    finally:
        discard(files.staging)


def publish(
    files: SessionFiles, draft: Path, known: tuple[Snapshot, ...], generation: int
) -> Snapshot:
    """Make a snapshot, newer than those known, of a draft that is on the disk. Raises OSError."""
    make_private_directory(files.snapshots)
    stamp = next_stamp((each.id for each in known), datetime.now(UTC))
    final = files.snapshots / f"{stamp}-{generation}{draft.suffix}"
    move(draft, final)
    sync_directory(files.snapshots)
    sync_directory(files.directory)
    return Snapshot(final)


def rotate(known: tuple[Snapshot, ...], keep: int) -> None:
    """Remove the oldest snapshots beyond `keep`. Raises OSError."""
    for old in known[keep:]:
        old.path.unlink()
