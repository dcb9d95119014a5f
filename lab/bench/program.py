"""`wa-supervisor run`, started again whenever it was killed, and everything it acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
import uuid
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from wa_loopback import LoopbackServer
from wa_supervisor import StepRecord

from .. import processes
from ..faults.command import start_run
from .kill_schedule import Victim

_SETTINGS = """
[policy]
start_timeout = 20
link_timeout = 20
conflict_wait = 0.2
pairing_pause = 0.1
pairing_pause_cap = 0.2
ban_margin = 0.2
backoff = { base = 0.1, cap = 0.3, jitter = 0, stable_after = 0.5 }
dials = { count = 100000, window = 3600 }
flaps = { count = 100000, window = 600 }
crashes = { count = 100000, window = 3600 }
conflicts = { count = 100000, window = 3600 }
windows = { count = 100000, window = 86400 }
bans = { count = 100000, window = 86400 }
"""
_GONE_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_TAIL = 60


class Broken(Exception):
    """Raised when something that must hold did not."""


class Program:
    """One session's supervisor through all its lives."""

    def __init__(self, server: LoopbackServer, where: Path) -> None:
        self.steps: list[StepRecord] = []
        """Every step it said it has taken, of all lives."""
        self.starts = 0
        self.payload = where / "qr.txt"
        self.log: deque[str] = deque(maxlen=_TAIL)
        self._server = server
        self._where = where
        self._process: Process | None = None
        self._mark = ""
        self._reading: list[asyncio.Task[None]] = []
        self._life = 0  # where in `steps` this life begins
        self._news = asyncio.Event()
        (where / "config.toml").write_text(_SETTINGS)

    async def start(self) -> None:
        """Start a life."""
        endpoint, prefix = self._server.endpoint, "WA_SUPERVISOR_ENDPOINT__"
        self._mark = uuid.uuid4().hex
        self._life = len(self.steps)
        self.starts += 1
        own = {
            "HTTPS_PROXY": endpoint.proxy,
            "BENCH_MARK": self._mark,
            f"{prefix}PROXY": endpoint.proxy,
            f"{prefix}CA_FILE": str(endpoint.ca_file),
            f"{prefix}NOISE_ROOT": endpoint.noise_root,
        }
        self._process, steps, log = await start_run(
            *("--data-dir", str(self._where), "--config", str(self._where / "config.toml")),
            *("--qr", f"payload:{self.payload}"),
            env=os.environ | own,
        )
        self._reading = [
            asyncio.create_task(self._read_steps(steps)),
            asyncio.create_task(self._read_log(log)),
        ]

    @property
    def last(self) -> StepRecord | None:
        """The newest step of this life."""
        return self.steps[-1] if len(self.steps) > self._life else None

    def code(self) -> str | None:
        """What shows, or was showing when it was killed."""
        try:
            return self.payload.read_text()
        except FileNotFoundError:
            return None

    async def hear(
        self, wanted: Callable[[StepRecord], bool], *, since: int, within: float
    ) -> StepRecord:
        """Return the first such step from number `since` on; raise Broken if none comes."""
        end = time.monotonic() + within
        while True:
            for step in self.steps[since:]:
                if wanted(step):
                    return step
            self.check_alive()
            if time.monotonic() > end:
                raise Broken(f"what was to happen within {within:g} s did not")
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()

    def check_alive(self) -> None:
        """Raise Broken if it ended by itself."""
        if self._process is not None and self._process.returncode is not None:
            raise Broken(f"the supervisor ended by itself with code {self._process.returncode}")

    async def kill(self, victim: Victim) -> Victim:
        """Kill it; return what was struck. What is not there cannot be: then the supervisor is.

        A killed supervisor is not started again. Of a killed client one has heard on return.
        """
        assert self._process is not None
        pid, since = self._process.pid, len(self.steps)
        family = [] if victim is Victim.SUPERVISOR else processes.descendants_of(pid)
        sessions = [each for each in family if processes.holds_neonize(each)]
        servers = [each for each in family if each not in sessions]
        pids = {
            Victim.SUPERVISOR: [pid],
            Victim.BOTH: [pid, *family],
            Victim.SESSION: sessions,
            Victim.FORK_SERVER: servers[:1],
        }[victim]
        if not pids:
            victim, pids = Victim.SUPERVISOR, [pid]
        for each in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        if pid in pids:
            await self.bury()
        elif sessions:
            await self.hear(_is_exit, since=since, within=_GONE_SECONDS)
        return victim

    async def bury(self) -> None:
        """Wait for the supervisor's end, and for that of everything it had started."""
        assert self._process is not None
        await self._process.wait()
        try:
            async with asyncio.timeout(_GONE_SECONDS):
                await asyncio.gather(*self._reading)
                while _marked(self._mark):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Broken(f"{len(_marked(self._mark))} processes outlived the supervisor") from None

    async def stop(self) -> None:
        """Stop it as an operator does."""
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(10):
            code = await self._process.wait()
        await self.bury()
        if code != 0:
            raise Broken(f"a stop ended with code {code}")

    async def clear_away(self) -> None:
        """End whatever still runs."""
        if self._process is None:
            return
        for pid in _marked(self._mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.bury()

    async def _read_steps(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            with contextlib.suppress(ValueError):  # half a line: it was killed while it said it
                self.steps.append(StepRecord(taken=True, **json.loads(line)))
            self._news.set()
        self._news.set()

    async def _read_log(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.log.append(line)


def _is_exit(step: StepRecord) -> bool:
    return step.fact == "ChildExited"


def _marked(mark: str) -> list[int]:
    """The living processes that were started with this mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return [pid for pid in found if processes.alive(pid)]
