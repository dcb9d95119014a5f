"""Copies of a session's keys that are good, private and few: how they are named, listed and kept.

whatsmeow itself deletes the device's keys when a login is refused (connectionevents.go,
`handleConnectFailure`: 401, 403 and 406), so a copy made afterwards is worth nothing. Therefore
one is made before every dial with credentials, one at the first Connected after a pairing, and
one whenever a connection has proved stable.

A copy of a living session is a moment of a ratchet. Put back, it can log in; but messages that
came after it may have to be sent again by those who wrote them.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .. import private_files
from .stamp import LENGTH, is_stamped, moment, next_stamp

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import SessionFiles

log = logging.getLogger("wa_supervisor")

KEEP = 3
"""How many snapshots are kept."""

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-([0-9]+)(\.db|\.json)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy of a session's keys."""

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

    def flaw_in(self, path: Path) -> str | None:
        """Say why its file cannot be used; None if it can be read."""
        try:
            private_files.sha256(path)
        except OSError as error:
            return f"{path.name}: {error.strerror}"
        return None


def list_snapshots(directory: Path, suffix: str) -> tuple[Snapshot, ...]:
    """List a directory's snapshots of one kind, the newest first. Raises StoreError.

    Those of an SQLite file end in `.db`, those of a Postgres database in `.json`.
    """
    with private_files.explained("list the snapshots", directory.parent):
        names = private_files.list_names(directory)
    return tuple(
        Snapshot(directory / name)
        for name in names
        if _NAME.fullmatch(name) and is_stamped(name) and name.endswith(suffix)
    )


def publish(
    files: SessionFiles, draft: Path, known: tuple[Snapshot, ...], generation: int
) -> Snapshot:
    """Make a snapshot, newer than those known, of a draft that is on the disk. Raises OSError."""
    private_files.make_directory(files.snapshots)
    stamp = next_stamp((each.id for each in known), datetime.now(UTC))
    final = files.snapshots / f"{stamp}-{generation}{draft.suffix}"
    private_files.rename(draft, final)
    private_files.sync_directory(files.snapshots)
    return Snapshot(final)


def rotate(known: tuple[Snapshot, ...], keep: int) -> None:
    """Remove the oldest snapshots beyond `keep`; one that cannot be removed is one too many."""
    for old in known[keep:]:
        try:
            old.path.unlink()
        except OSError as error:
            log.warning("an old snapshot, %s, cannot be removed: %s", old.id, error.strerror)
