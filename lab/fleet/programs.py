"""A worker as an operator runs it: `wa-supervisor fleet worker`, on a machine of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..processes import alive, descendants_of
from .namespaces import Machine

_SECONDS: Final = 60.0


@dataclass
class Program:
    """One worker on its machine: it can be started again after it has ended."""

    machine: Machine
    directory: Path
    """What it keeps, and its log."""
    environment: Mapping[str, str]
    capacity: int
    process: Process | None = field(default=None, init=False)
    starts: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """Its name in the fleet, which is its machine's."""
        return self.machine.name

    @property
    def runs(self) -> bool:
        """Whether its supervisor is there, frozen or not."""
        return self.process is not None and alive(self.process.pid)

    @property
    def log(self) -> str:
        """What it has said, of all its starts."""
        return (self.directory / "worker.log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it."""
        self.directory.mkdir(exist_ok=True)
        self.starts += 1
        with (self.directory / "worker.log").open("a") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.machine.prefix,
                *(sys.executable, "-m", "wa_supervisor", "fleet", "worker"),
                *("--name", self.name, "--capacity", str(self.capacity)),
                *("--data-dir", str(self.directory / "state")),
                env=self.environment,
                cwd=self.directory,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def kill(self, *, all_of_it: bool = True) -> None:
        """Kill it: its supervisor alone, or the fork server and the sessions as well."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)  # or it would fork in the meantime
        _signal(self._pids() if all_of_it else [self.process.pid], signal.SIGKILL)
        await asyncio.wait_for(self.process.wait(), _SECONDS)

    def freeze(self, *, all_of_it: bool = True) -> list[int]:
        """Stop it as a laptop's lid does, or its supervisor alone; return what `thaw` takes."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        pids = self._pids() if all_of_it else [self.process.pid]
        _signal(pids, signal.SIGSTOP)
        return pids

    def thaw(self, pids: Iterable[int]) -> None:
        """Let it go on."""
        _signal(pids, signal.SIGCONT)

    async def drain(self) -> int:
        """Have it hand its sessions over and end; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), _SECONDS)

    def _pids(self) -> list[int]:
        assert self.process is not None
        return [self.process.pid, *descendants_of(self.process.pid)]


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        if alive(pid):
            os.kill(pid, number)
