"""How many files a process may have open, looked at before a session is begun."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import Final

from .errors import TooFewDescriptors

NEEDED: Final = 48
"""Descriptors of one session at most: 13 measured in a wait, 2 for each of two processes that are
started or stopped, 8 control connections, and as much again for what hands codes and steps on."""


def in_use() -> int | None:
    """Count the open files of this process; None if there is nothing to count them by."""
    with contextlib.suppress(OSError):
        counted = Path("/proc/self/fd").stat().st_size  # since Linux 6.2; before it is 0
        if counted:
            return counted
    try:
        return len(os.listdir("/dev/fd")) - 1  # noqa: PTH208 - the listing's own is one of them
    except OSError:  # there is no such directory, or no descriptor left to list it with
        return None


def check_descriptors(needed: int = NEEDED) -> None:
    """Refuse to begin what would run out of descriptors. Raises TooFewDescriptors."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return
    used = in_use() or 0
    if limit - used < needed:
        raise TooFewDescriptors(
            f"a session needs up to {needed} open files, and of the {limit} that this process may "
            f"have (RLIMIT_NOFILE) {used} are in use",
            hint="raise the limit of open files to 1024",
        )
