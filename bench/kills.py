"""Kill the supervisor or its client at random moments: nothing may be lost and nothing doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from world import directory

from session import client_of
from wa_supervisor.journal import read
from wa_supervisor.loopback import LoopbackServer
from wa_supervisor.store import SessionFiles

SEED = 20261122
_SETTINGS = """
[policy]
backoff = { base = 0.01, cap = 0.05 }
dials = { count = 100000, window = 3600 }
flaps = { count = 100000, window = 600 }
crashes = { count = 100000, window = 3600 }
"""
_LONGEST = 5.0  # seconds between two kills
_PATIENCE = 30.0


@dataclass
class _Program:
    """`wa-supervisor run`, started again whenever it was killed."""

    server: LoopbackServer
    where: Path
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    payload: Path = field(init=False)

    def __post_init__(self) -> None:
        self.payload = self.where / "qr.txt"
        (self.where / "config.toml").write_text(_SETTINGS)

    async def start(self) -> None:
        endpoint = self.server.endpoint
        prefix = "WA_SUPERVISOR_ENDPOINT__"
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wa_supervisor", "run"),
            *("--data-dir", str(self.where), "--config", str(self.where / "config.toml")),
            *("--qr", f"payload:{self.payload}"),
            env=os.environ
            | {
                f"{prefix}PROXY": endpoint.proxy,
                f"{prefix}CA_FILE": str(endpoint.ca_file),
                f"{prefix}NOISE_ROOT": endpoint.noise_root,
            },
            stderr=asyncio.subprocess.DEVNULL,
        )
        self.starts += 1

    async def kill(self, *, client: bool) -> bool:
        """SIGKILL the client's process, if there is one, else the supervisor; say if the former.

        A killed supervisor is started again.
        """
        assert self.process is not None
        pid = client_of(self.process.pid) if client else None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            return True
        self.process.kill()
        await self.process.wait()
        await self.start()
        return False


async def kills(runs: int) -> list[str]:
    """Kill `runs` times, ten times the usual number of samples, and check what must hold."""
    runs *= 10
    draw = random.Random(SEED)
    struck = {True: 0, False: 0}
    async with LoopbackServer() as server:
        with directory() as where:
            program = _Program(server, where)
            await program.start()
            phone = server.phone()
            device = await phone.scan(await _scanned(program.payload))
            await server.wait_connected(device, timeout=_PATIENCE)
            began = time.monotonic()
            generation = 0
            for _ in range(runs):
                await asyncio.sleep(draw.uniform(0, _LONGEST))
                struck[await program.kill(client=draw.random() < 0.5)] += 1
                memory = read(SessionFiles.at("default", where).journal).memory
                assert memory is None or memory.generation >= generation, "the memory went back"
                generation = memory.generation if memory else generation
            await server.wait_connected(device, timeout=_PATIENCE)
            assert program.process is not None
            program.process.terminate()
            assert await asyncio.wait_for(program.process.wait(), 10) == 0
            past = read(SessionFiles.at("default", where).journal)
            purges = sum("PurgeSession" in entry.effects for entry in past.entries)
            assert not server.overlaps, f"two clients of one device: {server.overlaps}"
            assert phone.devices == (device,), "the pairing was lost"
            assert purges == 0, "a session was purged that nobody had logged out"
    figure = (
        f"killed {runs} times in {time.monotonic() - began:.0f} s (seed {SEED}): the client "
        f"{struck[True]}, the supervisor {struck[False]}; {server.logins} logins, 0 at the same "
        f"time; the pairing kept; 0 purges; generation {generation}, never back"
    )
    return [figure]


async def _scanned(payload: Path) -> str:
    async with asyncio.timeout(_PATIENCE):
        while not (text := _text(payload)):
            await asyncio.sleep(0.05)
    return text


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
