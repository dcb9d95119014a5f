"""What the kernel says about processes; and waiting, with a deadline, for it to say so."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_GONE = (FileNotFoundError, ProcessLookupError)


async def until(condition: Callable[[], object], within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - the kernel sends no events
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except _GONE:
        return False


def children_of(pid: int) -> list[int]:
    """The living direct children of all threads of a process."""
    found: list[int] = []
    with contextlib.suppress(*_GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return [child for child in found if alive(child)]


def descendants_of(pid: int) -> list[int]:
    direct = children_of(pid)
    return direct + [deeper for child in direct for deeper in descendants_of(child)]


def marked(mark: str) -> list[int]:
    """The living processes with this text in the environment they were started with."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(*_GONE, PermissionError):
            if mark.encode() in (process / "environ").read_bytes() and alive(int(process.name)):
                found.append(int(process.name))
    return found


def maps_neonize(pid: int) -> bool:
    return "neonize-linux" in Path(f"/proc/{pid}/maps").read_text()
