"""How many more sessions this process may have, before a limit of the machine ends them all.

Figures for one further session of a program, measured (docs/many.md): 13 descriptors, 14 threads
and a process, 16 MiB.
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
BYTES: Final = 16 * 2**20

_CGROUP: Final = Path("/sys/fs/cgroup")
_MEMINFO: Final = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds the number of sessions, and how many more of them it allows."""

    name: str
    more: int


def limits(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> tuple[Limit, ...]:
    """Look at every limit that can be read here; the narrowest comes first."""
    found = [_descriptors(), _tasks(cgroup), _memory(cgroup, meminfo)]
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


def _tasks(cgroup: Path) -> Limit | None:
    most, used = _number(cgroup / "pids.max"), _number(cgroup / "pids.current")
    if most is None or used is None:
        return None
    return Limit(f"the limit of {most} tasks (pids.max)", max(most - used, 0) // TASKS)


def _memory(cgroup: Path, meminfo: Path) -> Limit | None:
    free = [_available(meminfo)]
    most, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if most is not None and used is not None:
        free.append(most - used)
    known = [each for each in free if each is not None]
    return Limit("the memory", max(min(known), 0) // BYTES) if known else None


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
