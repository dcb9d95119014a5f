"""Whether the session's files can be used: settings, owner, rights, lock, disk."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import ConfigError
from ...hints import Action, Hint
from ...settings import load_settings
from ...store.lock import read_holder
from ..config import check_places
from .finding import Finding, Verdict

if TYPE_CHECKING:
    from ...store import SessionFiles
    from ..session_options import SessionOptions

_LOW_MIB: Final = 200
_EMPTY_MIB: Final = 20
"""The journal, three copies of the keys, the inbox's log; see `inbox.max_mib` for its limit."""

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "overlay"})
_ON_A_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})


def settings(options: SessionOptions) -> Iterator[Finding]:
    """Read the settings as `run` does, and look at what they name. Raises ConfigError."""
    given = {"session": options.session, "data_dir": options.data_dir}
    loaded = load_settings(options.config, given)
    for warning in loaded.warnings:
        yield Finding("settings", Verdict.WARNING, warning, Hint(note="`config show --origin`"))
    check_places(loaded.settings)
    yield Finding("settings", Verdict.OK, f"read from {loaded.file or 'no file: the defaults'}")


def directory(files: SessionFiles) -> Iterator[Finding]:
    """See that the session's directory is ours and closed. Raises StoreError."""
    files.check_owner()
    name = "data directory"
    if not files.directory.exists():
        above = _existing(files.directory)
        if not os.access(above, os.W_OK | os.X_OK):
            said = f"{files.directory} cannot be made: {above} may not be written to"
            fix = Hint(Action.CHECK_DISK, str(above), note="or choose another data_dir")
            yield Finding(name, Verdict.BAD, said, fix)
        else:
            yield Finding(name, Verdict.OK, f"{files.directory} will be made by `run`")
        return
    if open_to := [path for path in _private(files) if path.stat().st_mode & 0o077]:
        said = f"others may open {', '.join(map(str, open_to))}, which hold the session's keys"
        yield Finding(name, Verdict.BAD, said, Hint(Action.MAKE_PRIVATE, str(open_to[0])))
    else:
        yield Finding(name, Verdict.OK, f"{files.directory} is ours and closed to others")


def _private(files: SessionFiles) -> list[Path]:
    return [path for path in (files.directory, files.database, files.journal) if path.exists()]


def lock(files: SessionFiles) -> Iterator[Finding]:
    """Say who holds the session. Raises StoreError."""
    if not files.directory.exists():
        return
    holder = read_holder(files)
    said = f"held by {holder}" if holder else "free: no supervisor runs"
    yield Finding("lock", Verdict.OK, said)


def disk(files: SessionFiles) -> Iterator[Finding]:
    """See that there is room, and that the disk keeps what is written to it."""
    above = _existing(files.directory)
    mib = shutil.disk_usage(above).free >> 20
    fix = Hint(Action.CHECK_DISK, str(above))
    if mib < _EMPTY_MIB:
        yield Finding("disk", Verdict.BAD, f"{mib} MiB are free at {above}: nothing can start", fix)
    elif mib < _LOW_MIB:
        yield Finding("disk", Verdict.WARNING, f"{mib} MiB are free at {above}", fix)
    else:
        yield Finding("disk", Verdict.OK, f"{mib} MiB are free at {above}")
    kind = _file_system(above)
    if kind in _IN_MEMORY:
        said = f"{above} is on {kind}: the keys are gone when that is, and must be paired anew"
        yield Finding("disk", Verdict.WARNING, said, Hint(note="choose another data_dir"))
    elif kind in _ON_A_NETWORK:
        said = f"{above} is on {kind}: if it has no locks, two supervisors may use one session"
        yield Finding("disk", Verdict.WARNING, said, Hint(note="start one supervisor only"))


def _existing(path: Path) -> Path:
    """The nearest directory above that exists."""
    return next(each for each in (path, *path.parents) if each.is_dir())


def _file_system(path: Path) -> str | None:
    """Name the file system that holds a path, by proc(5). Elsewhere than on Linux: unknown."""
    if sys.platform != "linux":
        return None
    found, longest = None, -1
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        at = Path(where.replace("\\040", " "))
        if path.resolve().is_relative_to(at) and len(at.parts) >= longest:
            found, longest = kind, len(at.parts)
    return found


def usable(options: SessionOptions) -> SessionFiles | None:
    """Say where the session lives, or None if the settings are wrong: `settings` says how."""
    try:
        return options.files()
    except ConfigError:
        return None
