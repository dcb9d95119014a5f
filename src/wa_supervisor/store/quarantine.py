"""Setting a dead session aside, whole, instead of deleting it.

Only after a confirmed logout or at an operator's word, and only when no session process lives:
whatsmeow's pool opens further connections by path and would make the file anew.

A quarantined session is the database as it was found, its sidecars, its snapshots, and a manifest
that says why and lists what each file should be. Its keys are as secret as before. It is removed,
by plain unlinking, when it is too old or there are too many: on a modern disk overwriting promises
what it cannot keep.
"""

from __future__ import annotations

import logging
import os
import platform
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from .. import private_files
from ..errors import Damaged
from . import intent
from .intent import MANIFEST, entry_name
from .postgres import rows
from .snapshots import list_snapshots
from .sqlite import database
from .stamp import is_stamped, moment, next_stamp

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import SessionFiles

log = logging.getLogger("wa_supervisor")

ROWS = f"session{rows.SUFFIX}"
"""What a Postgres database held, in an entry of the quarantine."""

KEEP = 5
"""How many quarantined sessions are kept."""

DAYS = 30.0
"""How long each is kept."""


class FileRecord(BaseModel):
    """What one file of a quarantined session should be."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Relative to the entry's directory, with `/`."""
    size: int
    """Bytes."""
    sha256: str | None
    """None if it could not be read."""
    paired: bool | None
    """Whether a device's keys are in it; None for a sidecar, or what is damaged or unreadable."""


class Manifest(BaseModel):
    """Why a session was set aside, and of what it consists. It holds no number and no JID."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, AfterValidator(entry_name)]
    session: str
    reason: str
    created: AwareDatetime
    generation: int
    """The number of the last session process."""
    files: tuple[FileRecord, ...]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One session that was set aside."""

    directory: Path
    manifest: Manifest | None
    """None if it cannot be read."""

    @property
    def id(self) -> str:
        """What an operator calls it: when it was set aside, and why."""
        return self.directory.name

    @property
    def created(self) -> datetime:
        """When it was set aside."""
        return self.manifest.created if self.manifest else moment(self.id)

    @property
    def has_keys(self) -> bool:
        """Whether a device's keys are in it, as far as it is known."""
        return self.manifest is None or any(file.paired for file in self.manifest.files)

    def copies(self, suffix: str) -> tuple[Path, ...]:
        """The files of one kind that may hold a device's keys, the freshest first."""
        copies = (copy.path for copy in list_snapshots(self.directory / "snapshots", suffix))
        return (self.directory / f"session{suffix}", *copies)

    def flaw_in(self, path: Path) -> str | None:
        """Say why one of its files is not to be trusted; None if it is what the manifest says."""
        if self.manifest is None:
            return f"{MANIFEST} is missing or cannot be read, so nothing vouches for {path.name}"
        name = path.relative_to(self.directory).as_posix()
        try:
            digest = private_files.sha256(path)
        except OSError as error:
            return f"{path.name}: {error.strerror}"
        if any(file.name == name and file.sha256 == digest for file in self.manifest.files):
            return None
        return f"{path.name} is not what its manifest says"


def quarantined(files: SessionFiles) -> tuple[Quarantined, ...]:
    """List the sessions that were set aside, the newest first. Raises StoreError."""
    with private_files.explained("list the quarantine", files.directory):
        names = private_files.list_names(files.quarantine)
    return tuple(read_entry(files.quarantine / name) for name in names if _is_entry(name))


def parts_of(files: SessionFiles, *, with_snapshots: bool) -> tuple[str, ...]:
    """Name what there is to set aside. The empty database that `prepare` makes is nothing."""
    parts = [path.name for path in files.sidecars if os.path.lexists(path)]
    if os.path.lexists(files.database) and files.database.lstat().st_size > 0:
        parts.append(files.database.name)
    if with_snapshots and os.path.lexists(files.snapshots):
        parts.append(files.snapshots.name)
    return tuple(parts)


def stage(
    files: SessionFiles,
    reason: str,
    generation: int,
    parts: tuple[str, ...],
    content: bytes | None = None,
) -> str:
    """Prepare the quarantine's entry in the staging directory, and name it. Raises OSError.

    `content` is what a Postgres database holds; it is written into the entry at once.
    """
    private_files.make_directory(files.quarantine)
    now = datetime.now(UTC)
    taken = (name for name in private_files.list_names(files.quarantine) if _is_entry(name))
    entry = entry_name(f"{next_stamp(taken, now)}-{reason}")
    waiting = files.staging / entry
    private_files.make_directory(waiting, durable=False)
    saved = []
    if content is not None:
        private_files.create(waiting / ROWS, content)
        saved = [_record(waiting / ROWS, ROWS, is_copy=True)]
    manifest = Manifest(
        id=entry,
        session=files.name,
        reason=reason,
        created=now,
        generation=generation,
        files=(*saved, *_records(files, parts)),
        versions=_versions(),
    )
    private_files.create(waiting / MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n")
    private_files.sync_directory(waiting)
    return entry


def expire(files: SessionFiles, *, keep: int = KEEP, days: float = DAYS) -> tuple[str, ...]:
    """Remove what is too old or too many, and name it. Those without keys go first.

    Each is renamed away before it is removed, so a crash leaves no half entry. Raises StoreError.
    """
    intent.recover(files)
    now = datetime.now(UTC)
    # Newest first, those with keys before those without: whatever is too much is at the end.
    kept = sorted(quarantined(files), key=lambda each: not each.has_keys)
    old = timedelta(days=days)
    gone = [each for i, each in enumerate(kept) if i >= keep or now - each.created > old]
    with private_files.explained("remove an expired session from the quarantine", files.directory):
        for each in gone:
            intent.begin(files)
            private_files.rename(each.directory, files.staging / each.id)
            private_files.sync_directory(files.quarantine)
            private_files.remove_tree(files.staging)
            log.info("session %s: quarantined %s expired and was removed", files.name, each.id)
    return tuple(each.id for each in gone)


def _records(files: SessionFiles, parts: tuple[str, ...]) -> Iterator[FileRecord]:
    for part in parts:
        path = files.directory / part
        if path == files.snapshots:
            for snapshot in (
                *list_snapshots(path, database.SUFFIX),
                *list_snapshots(path, rows.SUFFIX),
            ):
                yield _record_copy(snapshot.path, f"{part}/{snapshot.path.name}")
        else:
            yield _record(path, part, is_copy=path == files.database)


def _record(path: Path, name: str, *, is_copy: bool) -> FileRecord:
    return FileRecord(
        name=name,
        size=path.lstat().st_size,
        sha256=private_files.sha256(path),
        paired=_paired(path) if is_copy else None,
    )


def _record_copy(path: Path, name: str) -> FileRecord:
    """Record a snapshot, which goes along even if it cannot be read."""
    try:
        return _record(path, name, is_copy=True)
    except OSError:
        return FileRecord(name=name, size=path.lstat().st_size, sha256=None, paired=None)


def has_keys(copy: Path) -> bool:
    """Check a copy of either kind, and say whether a device is in it. Raises Damaged, OSError."""
    if copy.suffix == rows.SUFFIX:
        return rows.decode(private_files.read(copy), copy.name).device is not None
    return database.inspect(copy)


def _paired(path: Path) -> bool | None:
    try:
        return has_keys(path)
    except Damaged:
        return None


def read_entry(directory: Path) -> Quarantined:
    """Read an entry of the quarantine that exists."""
    try:
        manifest = Manifest.model_validate_json(private_files.read(directory / MANIFEST))
    except (OSError, ValidationError):
        manifest = None
    return Quarantined(directory, manifest)


def _is_entry(name: str) -> bool:
    try:
        return is_stamped(entry_name(name))
    except ValueError:
        return False


@cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in ("wa-supervisor", "neonize"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return versions
