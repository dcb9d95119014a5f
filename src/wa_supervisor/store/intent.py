"""Moving a session's files so that a crash between any two steps leaves old or new, never half.

A move is prepared in the staging directory: copies and manifests, no original. Then the *intent* is
made durable: one small file that says all that is to happen. From there on it only goes forward:
the originals are renamed within the file system, and the intent is removed last. Whoever comes
next calls `recover`: with an intent it carries the rest out, without one it wipes the staging
directory, in which there is nothing but copies.

Both ways run the same code (`carry_out`), in which every step is skipped if it was done.
"""

from __future__ import annotations

import enum
import logging
import os
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from .. import private_files
from ..errors import StoreError
from ..hints import Action, Hint

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import SessionFiles

log = logging.getLogger("wa_supervisor")

MANIFEST = "manifest.json"

_ENTRY = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z0-9_]{1,64}", re.ASCII)
_PART = re.compile(r"session\.db(-wal|-shm|-journal)?|snapshots", re.ASCII)


def entry_name(value: str) -> str:
    """Give the name of a quarantined session back; ValueError if it could not be one."""
    if _ENTRY.fullmatch(value) is None:
        raise ValueError("not the name of a quarantined session")
    return value


def _part_name(value: str) -> str:
    if _PART.fullmatch(value) is None:
        raise ValueError("not a part of a session")
    return value


class Operation(enum.Enum):
    """What a move of files is for."""

    PURGE = "purge"
    RESTORE = "restore"


class Intent(BaseModel):
    """All that is to happen to the session's files. It holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    operation: Operation
    entry: Annotated[str, AfterValidator(entry_name)] | None
    """The quarantine's entry that receives `parts`; None: there is nothing to move aside."""
    parts: tuple[Annotated[str, AfterValidator(_part_name)], ...] = ()
    """The names of the files and directories to move aside."""
    incoming: bool = False
    """Whether the staging directory holds a database that is to take the session's place."""


class Recovered(enum.Enum):
    """What `recover` found and did."""

    NOTHING = "nothing was half done"
    UNDONE = "work that had not reached the session's files was thrown away"
    PURGED = "a half-done purge was finished"
    RESTORED = "a half-done restore was finished"


_FINISHED = {Operation.PURGE: Recovered.PURGED, Operation.RESTORE: Recovered.RESTORED}


def incoming(files: SessionFiles) -> Path:
    """Where a database waits that is to take the session's place."""
    return files.staging / "incoming.db"


def begin(files: SessionFiles) -> None:
    """Make an empty staging directory. To be called when `recover` has run."""
    private_files.make_directory(files.staging, durable=False)


def perform(files: SessionFiles, intent: Intent) -> None:
    """Make the intent durable, carry it out, and clean up. Raises OSError, StoreError.

    If it fails, `recover` knows what to do; it may be called at once or after years.
    """
    declare(files, intent)
    carry_out(files, intent)


def declare(files: SessionFiles, intent: Intent) -> None:
    """Make the intent durable. Raises OSError."""
    draft = files.staging / "intent.json"
    private_files.create(draft, intent.model_dump_json().encode())
    private_files.sync_directory(files.staging)
    private_files.sync_directory(files.directory)  # the staging directory's own name, first
    private_files.rename(draft, files.intent)
    private_files.sync_directory(files.directory)


def recover(files: SessionFiles) -> Recovered:
    """Finish or undo what a crash left half done. To be called under the session's lock.

    It is also called at the start of every operation of this package. No session process may live.
    Raises StoreError if it cannot be finished; nothing is lost then, and it can be tried again.
    """
    if not os.path.lexists(files.intent):
        if not os.path.lexists(files.staging):
            return Recovered.NOTHING
        with private_files.explained("clean up after a crash", files.directory):
            worthless = not any(files.staging.iterdir())
            private_files.remove_tree(files.staging)
        return Recovered.NOTHING if worthless else _logged(files, Recovered.UNDONE)
    intent = read_intent(files)
    with private_files.explained(f"finish a half-done {intent.operation.value}", files.directory):
        carry_out(files, intent)
    return _logged(files, _FINISHED[intent.operation])


def read_intent(files: SessionFiles) -> Intent:
    """Read the intent that is there. Raises StoreError."""
    try:
        return Intent.model_validate_json(private_files.read(files.intent))
    except (ValidationError, OSError) as error:
        raise StoreError(
            f"{files.intent.name} cannot be understood ({type(error).__name__}): "
            "a purge or restore is half done, perhaps by a newer version",
            hint=Hint(
                Action.REMOVE,
                str(files.intent),
                first=f"use the newer version, or look at {files.staging}",
            ),
        ) from None


def withdraw(files: SessionFiles) -> Recovered:
    """Take back an intent of which nothing was carried out. Raises StoreError."""
    with private_files.explained("clean up after a crash", files.directory):
        files.intent.unlink()
        private_files.sync_directory(files.directory)
        private_files.remove_tree(files.staging)
    return _logged(files, Recovered.UNDONE)


def carry_out(files: SessionFiles, intent: Intent) -> None:
    """Do what is left to do of a durable intent, and remove it. Raises OSError, StoreError."""
    if intent.entry is not None:
        _move_aside(files, intent.entry, intent.parts)
    if intent.incoming and os.path.lexists(incoming(files)):
        _let_in(files)
    files.intent.unlink()
    private_files.sync_directory(files.directory)
    private_files.remove_tree(files.staging)


def _move_aside(files: SessionFiles, entry: str, parts: tuple[str, ...]) -> None:
    waiting, final = files.staging / entry, files.quarantine / entry
    if os.path.lexists(final):
        return
    for part in parts:
        source, target = files.directory / part, waiting / part
        # A database that appeared where one was moved away is the empty one of `prepare`.
        if os.path.lexists(source) and not os.path.lexists(target):
            private_files.rename(source, target)
        elif _is_one_file(source, target):
            source.unlink()
    private_files.sync_directory(waiting)
    private_files.sync_directory(files.directory)
    private_files.rename(waiting, final)
    private_files.sync_directory(files.quarantine)
    private_files.sync_directory(files.staging)


def _let_in(files: SessionFiles) -> None:
    database = files.database
    if _is_one_file(incoming(files), database):
        return
    if os.path.lexists(database) and database.lstat().st_size:
        raise StoreError(
            f"{database.name} appeared in the middle of a restore",
            hint=Hint(Action.MOVE_AWAY, str(database), note="then try again"),
        )
    incoming(files).replace(database)
    private_files.sync_directory(files.directory)
    private_files.sync_directory(files.staging)


def _is_one_file(source: Path, target: Path) -> bool:
    """Say whether a power cut cut a rename in two: the new name is there, and the old one still.

    A file system without a journal may do that.
    """
    if not (private_files.is_regular(source) and private_files.is_regular(target)):
        return False
    return source.samefile(target)


def _logged(files: SessionFiles, recovered: Recovered) -> Recovered:
    log.warning("session %s: after a crash, %s", files.name, recovered.value)
    return recovered
