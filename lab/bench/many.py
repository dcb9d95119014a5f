"""What many sessions in one program cost: memory, idle CPU, lag of the loop, and coming back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from wa_loopback import LoopbackServer, LoopbackTimeout, PairingRefused, PeerGone, Phone

from ..processes import children_of, descendants_of
from .figures import percentile
from .world import directory

IDLE = 60.0
"""Seconds for which the CPU of an idle program is watched."""
SETTLE = 45.0
"""Seconds before that: what follows a login, requests and uploads of keys, is not idleness."""
_LONGEST = 1800.0


async def many(count: int) -> list[str]:
    """Pair `count` sessions of one program, leave them alone, and kill a tenth of them."""
    async with LoopbackServer() as server:
        with directory() as where:
            there = server.endpoint
            arguments = (str(count), str(where), there.proxy, str(there.ca_file), there.noise_root)
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lab.bench.many_program", *arguments, stdin=PIPE, stdout=PIPE
            )
            scanning = asyncio.create_task(_scan_all(server, where))
            freeing = asyncio.create_task(_free_reserves(where))
            try:
                return await _measured(program, server, count)
            finally:
                scanning.cancel()
                freeing.cancel()
                with contextlib.suppress(ProcessLookupError):
                    program.kill()
                await program.wait()


async def _measured(program: Process, server: LoopbackServer, count: int) -> list[str]:
    began = time.perf_counter()
    up = await _until_connected(program, count)
    paired = time.perf_counter() - began
    pids = [program.pid, *descendants_of(program.pid)]
    memory = sum(map(_pss, pids)) / 1024
    own = _pss(program.pid) / 1024
    await asyncio.sleep(SETTLE)
    await _ask(program, "status")
    before, at = sum(map(_cpu, pids)), time.perf_counter()
    await asyncio.sleep(IDLE)
    busy = (sum(map(_cpu, pids)) - before) / (time.perf_counter() - at)
    idle = await _ask(program, "status")
    some = max(1, count // 10)
    began = time.perf_counter()
    generations = (await _ask(program, "status"))["generations"] + some
    connections = set(server.connections)
    for pid in random.sample(_session_processes(program.pid), some):
        os.kill(pid, signal.SIGKILL)
    again = await _until_connected(program, count, generations=generations)
    back = time.perf_counter() - began
    others = again["generations"] - generations
    lost = len(connections - set(server.connections)) - some
    program.stdin.write(b"quit\n")  # type: ignore[union-attr]
    began = time.perf_counter()
    await program.wait()
    return [
        f"{count} sessions paired and connected: {paired:.1f} s; {_lag(up['late'])}",
        f"memory of all: {memory:.0f} MiB PSS, {memory / count:.1f} a session",
        f"of that the program itself: {own:.0f} MiB, {own / count:.1f} a session",
        f"idle for {IDLE:.0f} s: {100 * busy:.1f} % of a core; {_lag(idle['late'])}",
        f"{some} killed at once: all back after {back:.1f} s, {others} others begun anew, "
        f"{lost} of their connections lost by the server's count; " + _lag(again["late"]),
        f"all stopped: {time.perf_counter() - began:.1f} s",
    ]


def _session_processes(program: int) -> list[int]:
    return [pid for server in children_of(program) for pid in children_of(server)]


def _lag(late: list[list[float]]) -> str:
    """Say how late the loop was, and of the worst what it worked and waited for a core."""
    worst, worked, waited = max(late)
    often = percentile([each for each, _, _ in late], 99)
    return (
        f"the loop lags {worst:.3f} s at most ({worked:.3f} s of work, {waited:.3f} s without a "
        f"core), {often:.3f} s at the 99th percentile"
    )


async def _until_connected(program: Process, count: int, generations: int = 0) -> dict[str, Any]:
    late: list[list[float]] = []
    async with asyncio.timeout(_LONGEST):
        while True:
            told = await _ask(program, "status")
            late += told["late"]
            if told["connected"] == count and told["generations"] >= generations:
                return {**told, "late": late}
            await asyncio.sleep(0.5)


async def _ask(program: Process, what: str) -> dict[str, Any]:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{what}\n".encode())
    return dict(json.loads(await program.stdout.readline()))


async def _scan_all(server: LoopbackServer, where: Path) -> None:
    """Scan whatever is shown, each session with a phone of its own."""
    phones: dict[str, Phone] = {}
    while True:
        for name, code in _codes(where):
            if name not in phones:
                phones[name] = server.phone()
                try:
                    await phones[name].scan(code)
                except (PairingRefused, PeerGone, LoopbackTimeout):  # the code has just changed
                    del phones[name]
        await asyncio.sleep(0.05)


async def _free_reserves(where: Path) -> None:
    """Empty the 4 MiB that each inbox sets aside on its disk: here it would be memory."""
    freed: set[Path] = set()
    while True:
        await asyncio.sleep(5.0)
        for path in _reserves(where) - freed:
            os.truncate(path, 0)
            freed.add(path)


def _reserves(where: Path) -> set[Path]:
    return set(where.glob("data/sessions/*/inbox/reserve"))


def _codes(where: Path) -> list[tuple[str, str]]:
    found = []
    for path in where.glob("*.qr"):
        with contextlib.suppress(FileNotFoundError):
            found.append((path.name, path.read_text()))
    return found


def _pss(pid: int) -> int:
    """KiB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _cpu(pid: int) -> float:
    """Seconds, of all threads."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
