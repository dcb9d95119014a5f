"""What a call of a small command costs, beside Python that starts and ends."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from wa_supervisor.control_server import listening
from wa_supervisor.store import SessionFiles
from wa_supervisor.testing.fake_session import FakeSession

from .figures import line

_VERBS = ("health", "status", "history", "explain", "sessions", "--version")


async def verbs(runs: int) -> list[str]:
    """Measure the CPU and the time of each, asked of a supervisor that runs, in milliseconds."""
    with tempfile.TemporaryDirectory() as at:
        files = SessionFiles.open("bench", Path(at))
        async with FakeSession() as session:
            await session.settle()
            async with listening(files, {}, lambda: session.status):
                where = ["--session", "bench", "--data-dir", at]
                program = str(Path(sysconfig.get_path("scripts"), "wa-supervisor"))
                calls = {"python": [sys.executable, "-c", "pass"]}
                for verb in _VERBS:
                    about_session = verb in {"health", "status", "history", "sessions"}
                    calls[verb] = [program, verb, *(where if about_session else [])]
                calls["status --json"] = [*calls["status"], "--json"]
                found = [await _measure(call, runs) for call in calls.values()]
    return [
        line(name, "ms", cpu=cpu, wall=wall) for name, (cpu, wall) in zip(calls, found, strict=True)
    ]


async def _measure(call: list[str], runs: int) -> tuple[list[float], list[float]]:
    cpu, wall = [], []
    for _ in range(runs):
        before, began = _spent(), time.perf_counter()
        await asyncio.to_thread(subprocess.run, call, capture_output=True, timeout=60, check=False)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (_spent() - before))
    return cpu, wall


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
