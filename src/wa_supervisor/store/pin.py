"""The session's directory, held on to: it may be moved, deleted or unmounted while we run.

A path says nothing of what it leads to. If another directory were taken for the session's, a paired
session would be paired again on an empty one. So the directory is held open, and compared with what
is at its path before its files are touched. While it is open, the numbers of its device and inode
are given to no other directory, so no marker within is needed. The open directory is locked as
well: whoever deletes the lock's file does not let a second supervisor in.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from ..errors import Unreachable
from ..hints import Hint

if TYPE_CHECKING:
    from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Pin:
    """One open directory."""

    def __init__(self, directory: Path) -> None:
        """Open it. Raises OSError."""
        self._directory = directory
        self._descriptor = os.open(directory, _OPEN)

    def lock(self) -> bool:
        """Try to lock it; True also where the file system has no locks on directories."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def check(self) -> None:
        """See that its path still leads to it. Raises Unreachable: it may come back."""
        try:
            found = self._directory.lstat()
        except OSError as error:
            raise self._gone(error.strerror or "it cannot be looked at") from None
        held = os.fstat(self._descriptor)
        if (found.st_dev, found.st_ino) != (held.st_dev, held.st_ino):
            raise self._gone("another directory is in its place")

    @property
    def descriptor(self) -> int:
        """The open directory."""
        return self._descriptor

    def close(self) -> None:
        """Let go of it, and of its lock."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def _gone(self, why: str) -> Unreachable:
        return Unreachable(
            f"the session's directory is gone: {why}",
            hint=Hint(
                first=f"bring {self._directory} back: mount its volume, or undo the move",
                note="if it is lost for good, start the supervisor anew",
            ),
        )
