"""Files that only their owner may open, and that a power cut leaves old or new.

Every file of ours that holds a secret or a decision is made here. The rules, one for each risk:

- *Private.* A file is 0600 and a directory 0700 from the moment it exists; what others could open
  is refused, not mended. So is what belongs to somebody else: SQLite deletes the files that a
  planted rollback journal names (https://sqlite.org/atomiccommit.html, 5), and root may delete all.
  No symbolic link is followed, and nothing that is not a regular file is read: a FIFO would be
  waited for.
- *Whole.* What others may look at meanwhile, or a crash may cut short, is written beside its place
  and renamed (`replace`).
- *Durable.* Content is on the disk when the call returns. A name is there when its directory was
  synced: `replace` and `make_directory` do that, a caller of `create`, `copy` or `rename` does it
  once for all names (`sync_directory`). What needs no durability says so (`durable=False`).

Everything here blocks, and raises OSError unless it says otherwise; `explained` makes an error of
ours of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .errors import StoreError, UnsafePermissions
from .hints import Action, Hint

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700

_OTHERS = 0o077  # any permission of the group or of the world
_CHUNK = 1 << 20  # bytes
_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")
_UID_MAP = Path("/proc/self/uid_map")  # user_namespaces(7)
_SAFE = os.O_NOFOLLOW
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE
_READ = os.O_RDONLY | os.O_NONBLOCK | _SAFE


@contextlib.contextmanager
def explained(
    task: str, directory: Path, error: type[StoreError] = StoreError, *, note: str = ""
) -> Iterator[None]:
    """Make an `error` of an operating system's: which task failed, at which file, why."""
    try:
        yield
    except OSError as cause:
        name = os.path.basename(os.fspath(cause.filename)) if cause.filename else ""  # noqa: PTH119
        where = f"{name}: " if name else ""
        raise error(
            f"cannot {task}: {where}{cause.strerror or type(cause).__name__}",
            hint=Hint(Action.CHECK_DISK, str(directory), note=note),
        ) from cause


def create(path: Path, content: bytes, *, durable: bool = True) -> os.stat_result:
    """Make a new file with this content. Raises FileExistsError, OSError."""
    descriptor = os.open(path, _CREATE, FILE_MODE)
    try:
        _write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def replace(
    path: Path, content: bytes, *, draft: Path | None = None, durable: bool = True
) -> os.stat_result:
    """Put a file with this content in the place of what is there; nobody sees it half written.

    `draft` is where it is written first, on the same file system, by default `path` with a dot
    before its name and `.new` behind it. What is there already is the rest of an earlier attempt,
    and is removed. Says which file it is.
    """
    draft = draft or path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    try:
        made = create(draft, content, durable=durable)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # the first error is the one to raise
            draft.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)
    return made


def copy(source: Path, target: Path) -> None:
    """Copy a regular file into a new one."""
    with reading(source) as file:
        writing = os.open(target, _CREATE, FILE_MODE)
        try:
            while chunk := file.read(_CHUNK):
                _write_all(writing, chunk)
            os.fsync(writing)
        finally:
            os.close(writing)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; anything else is an OSError, and nothing is waited for."""
    descriptor = os.open(path, _READ)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def read(path: Path, most: int | None = None) -> bytes:
    """Read a regular file, whole or its first `most` bytes."""
    with reading(path) as file:
        return file.read(-1 if most is None else most)


def sha256(path: Path) -> str:
    """Hash a regular file, in hex."""
    digest = hashlib.sha256()
    with reading(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_regular(path: Path) -> bool:
    """Say whether a regular file is there; a symbolic link to one is none."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def is_open_file(path: Path, descriptor: int) -> bool:
    """Say whether a path still leads to an open file: neither was deleted, moved or replaced."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)


def list_names(directory: Path) -> tuple[str, ...]:
    """List a directory, which need not exist, the last name first."""
    with contextlib.suppress(FileNotFoundError):
        return tuple(sorted(os.listdir(directory), reverse=True))  # noqa: PTH208 - only names
    return ()


def check_owners(directory: Path, *, above: int = 0) -> None:
    """See that a directory, and what lies in it, is ours, if it exists. It is not opened before.

    What lies in it, and the `above` directories above it, may be root's as well: root needs no
    trick. Raises UnsafePermissions, which names the owner; OSError if it cannot be looked at.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        _check_owner(directory, directory.lstat())
    for upper in directory.parents[:above]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _check_owner(upper, upper.stat(), or_root=True)  # a link is that of who runs us
    if not stat.S_ISDIR(_mode(directory)):
        return  # not there, or refused by whoever opens it
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # SQLite's files come and go
                found = entry.stat(follow_symlinks=False)
                _check_owner(directory / entry.name, found, or_root=True)


def check_way(directory: Path) -> None:
    """See that nobody but root and us can put another directory in the place of this one.

    Whoever owns a directory above it can, and everybody if one is writable to all and not sticky,
    as `/tmp` is: after we have looked, and before SQLite opens a file by its path. A group that
    may write there is that of its owner's choice. Raises UnsafePermissions, OSError.
    """
    lexical = directory.absolute().parents
    for upper in dict.fromkeys((*lexical, *directory.parent.resolve().parents)):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = upper.stat()
            foreign = found.st_uid not in {0, os.geteuid()} and not _is_unmapped(found.st_uid)
            if foreign or (found.st_mode & (stat.S_IWOTH | stat.S_ISVTX)) == stat.S_IWOTH:
                who = f"the user {_user(found.st_uid)}, whose it is," if foreign else "everybody"
                raise UnsafePermissions(
                    f"{who} could exchange what lies in {str(upper)!r}, and so the session's "
                    "directory while we work in it",
                    hint=Hint(
                        Action.SET, "data_dir", note="choose a place that only you can change"
                    ),
                )


def _is_unmapped(uid: int) -> bool:
    """Say whether this may be root, or anybody else, who has no number in our user namespace."""
    try:
        overflow = int(_OVERFLOW_UID.read_text("ascii"))
        everybody = _UID_MAP.read_text("ascii").split() == ["0", "0", "4294967295"]
    except (OSError, ValueError):
        return False
    return uid == overflow and not everybody


def make_directory(directory: Path, *, parents: bool = False, durable: bool = True) -> None:
    """Make the directory, with `parents` those that are missing above it, or check what is there.

    Raises UnsafePermissions if others may enter it or own it, StoreError if it is something else,
    such as a symbolic link; OSError if it cannot be made.
    """
    if parents and not os.path.lexists(directory.parent):
        # Path.mkdir(parents=True) gives its mode to the leaf only.
        make_directory(directory.parent, parents=True, durable=durable)
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=DIRECTORY_MODE)
        if durable:
            sync_directory(directory.parent)
    _check(directory, stat.S_IFDIR, "directory", DIRECTORY_MODE)


def make_empty(path: Path) -> None:
    """Make an empty file, or check the one that exists; its name is not synced.

    Raises UnsafePermissions if others may open it or own it, StoreError if it is no regular file,
    OSError if it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, _CREATE, FILE_MODE))
    _check(path, stat.S_IFREG, "regular file", FILE_MODE)


def open_to_append(path: Path) -> int:
    """Open a regular file at its end, or make it; its directory must be there. No name is synced.

    Raises UnsafePermissions if others may open it or own it, StoreError if it is no regular file,
    OSError if it cannot be made.
    """
    make_empty(path)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | _SAFE)


def sync_file(path: Path) -> None:
    """Write a file's content through to the disk."""
    descriptor = os.open(path, os.O_RDWR | _SAFE)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Write a directory's names through to the disk."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # we may write there but not list it
        os.sync()
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename within the file system. Never onto something; raises FileExistsError then."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def remove_tree(directory: Path) -> None:
    """Remove a directory of waste; one that is not there is fine."""
    if os.path.lexists(directory):
        shutil.rmtree(directory)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _check(path: Path, kind: int, name: str, mode: int) -> None:
    status = path.lstat()
    found = status.st_mode
    if stat.S_IFMT(found) != kind:
        what = "a symbolic link" if stat.S_ISLNK(found) else "something else"
        raise StoreError(
            f"{path.name!r} should be a {name}, but is {what}",
            hint=Hint(Action.MOVE_AWAY, str(path)),
        )
    _check_owner(path, status)
    if stat.S_IMODE(found) & _OTHERS:
        raise UnsafePermissions(
            f"others could open {path.name!r}: its mode is {stat.S_IMODE(found):04o}, "
            f"but it guards the keys of a linked device and must be {mode:04o}",
            hint=Hint(Action.MAKE_PRIVATE, str(path)),
        )


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _check_owner(path: Path, found: os.stat_result, *, or_root: bool = False) -> None:
    if found.st_uid == os.geteuid() or (or_root and found.st_uid == 0):
        return
    owner, us = _user(found.st_uid), _user(os.geteuid())
    raise UnsafePermissions(
        f"{path.name!r} belongs to the user {owner}, but we run as {us}: "
        "its owner could have us delete or give away what is not theirs",
        hint=Hint(
            Action.RUN_AS,
            owner,
            note="a systemd service takes orders from root while it runs, and can be set to "
            f"resume at each start; if {path} should be {us}'s, give it to {us}",
        ),
    )


def _user(uid: int) -> str:
    """Name a user as `sudo -u` takes it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
