"""Limits which the kernel puts on a running process: no more forks, no more memory (Linux)."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_LIMIT, _MEMBERS = "pids.max", "cgroup.procs"


@cache
def why_forks_cannot_be_limited() -> str | None:
    """Say why this machine has no way to let a fork fail; None if it has.

    RLIMIT_NPROC does it, but root is above it and needs a cgroup (fork(2), EAGAIN).
    """
    if os.geteuid() != 0:
        return None
    try:
        group = _group(os.getpid())
        group.mkdir()
        limited = (group / _LIMIT).exists()
        group.rmdir()
    except OSError as error:
        return f"root needs a cgroup: {error.strerror}"
    return None if limited else "root needs a cgroup with a limit on processes"


@contextlib.contextmanager
def no_forks(*pids: int) -> Iterator[None]:
    """Let every fork, and every new thread, of these processes fail for want of room in a table."""
    if os.geteuid() != 0:
        with _soft_limit(resource.RLIMIT_NPROC, lambda _: 0, *pids):
            yield
        return
    group = _group(pids[0])
    group.mkdir()
    try:
        (group / _LIMIT).write_text("1")
        for pid in pids:
            (group / _MEMBERS).write_text(str(pid))
        yield
    finally:
        for member in (group / _MEMBERS).read_text().split():
            (group.parent / _MEMBERS).write_text(member)
        group.rmdir()


@contextlib.contextmanager
def no_memory(*pids: int) -> Iterator[None]:
    """Let these processes, and what they start, map no more memory than each has."""
    with _soft_limit(resource.RLIMIT_AS, _mapped, *pids):
        yield


def _mapped(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


@contextlib.contextmanager
def _soft_limit(which: int, limit: Callable[[int], int], *pids: int) -> Iterator[None]:
    """Set a soft limit, and raise it to the hard one in the end: that needs no privilege."""
    for pid in pids:
        resource.prlimit(pid, which, (limit(pid), resource.prlimit(pid, which)[1]))
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                hard = resource.prlimit(pid, which)[1]
                resource.prlimit(pid, which, (hard, hard))


def _group(pid: int) -> Path:
    """Return a cgroup to be made for a process, below the one it is in.

    It is one of version 1's controller `pids`, if there is that, else of version 2.
    """
    lines = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    groups = {controllers: path for _, controllers, path in lines}
    root, path = (_CGROUPS / "pids", groups["pids"]) if "pids" in groups else (_CGROUPS, groups[""])
    return root / path.lstrip("/") / f"wa-faults-{pid}"
