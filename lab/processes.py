"""What the kernel says about processes (Linux, /proc)."""

from __future__ import annotations

import contextlib
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def alive(pid: int) -> bool:
    """Tell whether the process exists and is no zombie."""
    try:
        return _state(Path(f"/proc/{pid}")) not in "ZX"
    except _GONE:
        return False


def stopped(pid: int) -> bool:
    """Tell whether every thread of the process has stopped: a SIGSTOP takes a moment."""
    return all(_state(task) == "T" for task in Path(f"/proc/{pid}/task").iterdir())


def children_of(pid: int) -> list[int]:
    """Return the living direct children, oldest first."""
    found: list[int] = []
    with contextlib.suppress(*_GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return sorted(child for child in found if alive(child))


def descendants_of(pid: int) -> list[int]:
    """Return the living children and theirs."""
    direct = children_of(pid)
    return direct + [deeper for child in direct for deeper in descendants_of(child)]


def holds_neonize(pid: int) -> bool:
    """Tell whether the process has loaded neonize's Go library."""
    try:
        return "neonize-linux" in Path(f"/proc/{pid}/maps").read_text()
    except _GONE:
        return False


def _state(task: Path) -> str:
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def file_descriptors(pid: int) -> int:
    """Count the open descriptors."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except _GONE:
        return 0
