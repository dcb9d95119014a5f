"""The few deeds on files that must be private, durable and never half done."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from typing import TYPE_CHECKING

from ..errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 20  # bytes
_BINARY = getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
_READ = os.O_RDONLY | _NO_FOLLOW | _BINARY


@contextlib.contextmanager
def telling(deed: str, directory: Path) -> Iterator[None]:
    """Make a StoreError of an operating system's error: which deed failed, at which file, why."""
    try:
        yield
    except OSError as error:
        name = os.path.basename(os.fspath(error.filename)) if error.filename else ""  # noqa: PTH119
        where = f"{name}: " if name else ""
        raise StoreError(
            f"cannot {deed}: {where}{error.strerror or type(error).__name__}",
            hint=f"check the rights and the free space of {directory}; nothing was lost",
        ) from error


def write_private(path: Path, content: bytes) -> None:
    """Make a new file (0600), written through to the disk."""
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_private(source: Path, target: Path) -> None:
    """Copy into a new file (0600), written through to the disk. No link is followed."""
    reading = os.open(source, _READ)
    try:
        writing = os.open(target, _CREATE, 0o600)
        try:
            while chunk := os.read(reading, _CHUNK):
                _write_all(writing, chunk)
            os.fsync(writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def sha256(path: Path) -> str:
    """Hash a file, in hex. No link is followed."""
    digest = hashlib.sha256()
    descriptor = os.open(path, _READ)
    try:
        while chunk := os.read(descriptor, _CHUNK):
            digest.update(chunk)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def list_names(directory: Path) -> tuple[str, ...]:
    """List a directory, which need not exist, the last name first. Raises StoreError."""
    with telling("list a directory", directory.parent), contextlib.suppress(FileNotFoundError):
        return tuple(sorted(os.listdir(directory), reverse=True))  # noqa: PTH208 - only names
    return ()


def sync_file(path: Path) -> None:
    """Write a file's content through to the disk."""
    descriptor = os.open(path, os.O_RDWR | _NO_FOLLOW | _BINARY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Write a directory's names through to the disk."""
    if sys.platform == "win32":  # directories cannot be opened there
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(source: Path, target: Path) -> None:
    """Rename within the file system. Never onto something; raises FileExistsError then."""
    if os.path.lexists(target):
        raise FileExistsError(17, "File exists", str(target))
    source.rename(target)


def discard(directory: Path) -> None:
    """Remove a directory of waste; one that is not there is fine."""
    if os.path.lexists(directory):
        shutil.rmtree(directory)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
