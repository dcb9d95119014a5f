"""Whether the machine can be relied on: Python, the C library, clock, descriptors, memory."""

from __future__ import annotations

import ctypes
import platform
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ...descriptors import check_descriptors
from ...hints import Hint
from .finding import Finding, Verdict

_BUILT: Final = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""No clock that is right shows an earlier time than that of this code."""

_MOST_MIB: Final = 80
"""What a supervisor, its fork server and a connected client take, and room to start one."""

_UNSYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_BYTES: Final = 512  # struct timex has 208; with modes = 0 it is only read


def python() -> Iterator[Finding]:
    """Say which Python, and refuse a C library for which neonize has no wheel."""
    libc, version = platform.libc_ver()
    here = f"{platform.python_version()} on {sys.platform} {platform.machine()}"
    if sys.platform == "linux" and libc != "glibc":
        fix = Hint(note="take Debian or another system with glibc, not Alpine")
        yield Finding("python", Verdict.BAD, f"{here} without glibc: neonize has no wheel", fix)
    else:
        yield Finding("python", Verdict.OK, f"{here} {libc} {version}".rstrip())


def clock() -> Iterator[Finding]:
    """See that the time can be right: budgets, bans and TLS depend on it."""
    now = time.time()
    fix = Hint(note="have the clock set by NTP (`timedatectl set-ntp true`)")
    said = f"{datetime.fromtimestamp(now).astimezone():%Y-%m-%d %H:%M:%S %Z}"
    if now < _BUILT:
        said = f"{said} is in the past: no certificate is valid, and waits are measured wrong"
        yield Finding("clock", Verdict.BAD, said, fix)
    elif _is_free_running():
        said = f"{said}; nothing keeps it right (the kernel calls it unsynchronised)"
        yield Finding("clock", Verdict.WARNING, said, fix)
    else:
        yield Finding("clock", Verdict.OK, said)


def _is_free_running() -> bool:
    """Ask the kernel whether anything disciplines its clock. Elsewhere than on Linux: unknown."""
    if sys.platform != "linux":
        return False
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return False
    return bool(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _UNSYNCHRONISED)


def descriptors() -> Iterator[Finding]:
    """See that enough files may be open. Raises TooFewDescriptors."""
    check_descriptors()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = "no limit" if limit == resource.RLIM_INFINITY else f"up to {limit}"
    yield Finding("open files", Verdict.OK, f"{many} for each process")


def memory() -> Iterator[Finding]:
    """See that a client fits. Where there is no /proc nothing is said."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    free = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    if free is None:
        return
    mib = int(free) // 1024
    if mib < _MOST_MIB:
        said = f"{mib} MiB are available; a session takes up to {_MOST_MIB}"
        yield Finding("memory", Verdict.WARNING, said, Hint(note="end something, or add swap"))
    else:
        yield Finding("memory", Verdict.OK, f"{mib} MiB are available")
