"""How many more sessions this process may have, before a limit of the machine ends them all.

Figures for one further session of a program, measured (docs/many.md): 13 descriptors, 14 threads
and a process, 16.2 MiB and 1.5 of the kernel's for them.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..descriptors import NEEDED, in_use
from ..errors import TooManySessions

DESCRIPTORS: Final = 13
TASKS: Final = 16
BYTES: Final = 18 * 2**20

_CGROUP: Final = Path("/sys/fs/cgroup")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds the number of sessions, and how many more of them it allows."""

    name: str
    more: int


def limits(cgroup: Path = _CGROUP, proc: Path = _PROC) -> tuple[Limit, ...]:
    """Look at every limit that can be read here; the narrowest comes first."""
    found = [_descriptors(), _memory(proc), _pids(proc)]
    for group in _groups(cgroup, proc):
        found += [_tasks(group), _memory_of(group)]
    return tuple(sorted(filter(None, found), key=lambda each: each.more))


def check_room(running: int, found: tuple[Limit, ...] | None = None) -> None:
    """Refuse a session that would not fit beside so many that run. Raises TooManySessions."""
    narrowest = next(iter(limits() if found is None else found), None)
    if narrowest is not None and narrowest.more < 1:
        raise TooManySessions(
            f"there is no room for one more session beside the {running} that run: "
            f"{narrowest.name} is used up",
            hint=f"raise {narrowest.name}, or run the others in another program",
        )


def _descriptors() -> Limit | None:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return None
    used = in_use()
    if used is None:
        return Limit("the limit of open files (RLIMIT_NOFILE)", 0)
    reserve = NEEDED - DESCRIPTORS
    more = (most - used - reserve) // DESCRIPTORS
    return Limit(f"the limit of {most} open files (RLIMIT_NOFILE)", max(more, 0))


def _groups(cgroup: Path, proc: Path) -> list[Path]:
    """List our control group and those around it: a service has its own, with its TasksMax."""
    try:
        lines = (proc / "self/cgroup").read_text("ascii").splitlines()
    except OSError:
        return [cgroup]
    ours = next((line[len("0::/") :] for line in lines if line.startswith("0::/")), "")
    here = cgroup / ours
    return [here, *(each for each in here.parents if each.is_relative_to(cgroup))]


def _tasks(group: Path) -> Limit | None:
    most, used = _number(group / "pids.max"), _number(group / "pids.current")
    if most is None or used is None:
        return None
    return Limit(f"the limit of {most} tasks (pids.max)", max(most - used, 0) // TASKS)


def _pids(proc: Path) -> Limit | None:
    """Each thread takes a number, too; 32768 of them are no more than two thousand sessions."""
    most = _number(proc / "sys/kernel/pid_max")
    try:
        used = int((proc / "loadavg").read_text("ascii").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return None
    if most is None:
        return None
    return Limit(f"the limit of {most} process ids (pid_max)", max(most - used, 0) // TASKS)


def _memory(proc: Path) -> Limit | None:
    free = _available(proc / "meminfo")
    return None if free is None else Limit("the memory", max(free, 0) // BYTES)


def _memory_of(group: Path) -> Limit | None:
    most, used = _number(group / "memory.max"), _number(group / "memory.current")
    if most is None or used is None:
        return None
    return Limit(f"the limit of {most} bytes (memory.max)", max(most - used, 0) // BYTES)


def _available(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text("ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _number(path: Path) -> int | None:
    """Read a number; None if there is none, or the file says `max`."""
    try:
        text = path.read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
