"""What the kernel says about processes; and waiting, with a deadline, for it to say so."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.processes import alive

if TYPE_CHECKING:
    from collections.abc import Callable

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


async def until(condition: Callable[[], object], within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - the kernel sends no events
            await asyncio.sleep(0.01)


async def ends_within(task: asyncio.Future[Any], seconds: float, *pids: int) -> bool:
    """Wait for a task; time in which these processes wanted a CPU and got none is not counted.

    On an idle machine that is just a deadline. Never longer than four times the bound.
    """
    loop = asyncio.get_running_loop()
    begun, starved = loop.time(), 0.0
    seen = {pid: _starved(pid) for pid in pids}
    while not task.done() and loop.time() - begun < min(seconds + starved, 4 * seconds):
        await asyncio.wait({task}, timeout=0.05)
        now = {pid: max(_starved(pid), seen[pid]) for pid in pids}
        starved, seen = starved + sum(now[pid] - seen[pid] for pid in pids), now
    return task.done()


def _starved(pid: int) -> float:
    """Seconds a process's first thread has waited for a CPU (proc(5), schedstat)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except _GONE:
        return 0.0


def marked(mark: str) -> list[int]:
    """The living processes with this text in the environment they were started with."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(*_GONE):
            if mark.encode() in (process / "environ").read_bytes() and alive(int(process.name)):
                found.append(int(process.name))
    return found


def parent_of(pid: int | None) -> int:
    """The process that forked this one: of a session process, its fork server."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])
