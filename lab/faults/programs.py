"""The two programs, each a program of its own: wa-supervisor, and a bare script that restarts.

Both are told of the loopback server only, and both write the code they show to a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wa_supervisor.session.shared.watch import Watch
from wa_supervisor.status import StepRecord
from wa_supervisor.store import SessionFiles

from .. import processes
from .command import start_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wa_loopback import Endpoint

    from .disk import SmallDisk

POLICY: Mapping[str, float] = {
    "backoff__base": 0.2,
    "backoff__cap": 1.0,
    "conflict_wait": 0.5,
    "pairing_pause": 0.5,
    "ban_margin": 0.1,
}
"""The clocks of every run: the shape is the default policy's, the waits are short."""

STOP_SECONDS = 5.0
_TAIL = 40
_KEPT = ("PATH", "HOME", "LANG")


@dataclass(frozen=True)
class TimedStep:
    """A step of the supervisor and when it was heard, on `time.monotonic`."""

    at: float
    record: StepRecord


class ProgramUnderTest(ABC):
    """One program with one session, in a directory of its own."""

    def __init__(
        self,
        endpoint: Endpoint,
        directory: Path,
        *,
        session: str = "default",
        keepalive: float,
        bot: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.directory = directory
        self.seen = directory
        """The directory as it is seen from here."""
        self.disk: SmallDisk | None = None
        self.variables: dict[str, str] = {}
        """What else its next start finds in its environment."""
        self.session = session
        self.keepalive = keepalive
        self.bot = bot
        self.payload = self.seen / f"{session}.code"
        """The file with the QR payload or pair code that shows."""
        self.process: asyncio.subprocess.Process | None = None
        self.output: deque[str] = deque(maxlen=_TAIL)

    def use(self, disk: SmallDisk) -> None:
        """Keep its files on this disk, which is mounted on its directory. Call it first."""
        self.disk, self.seen = disk, disk.seen
        self.payload = self.seen / self.payload.name

    @property
    @abstractmethod
    def database(self) -> Path:
        """Whatsmeow's database."""

    @property
    def pids(self) -> list[int]:
        """The program's processes."""
        if self.process is None or not processes.alive(self.process.pid):
            return []
        return [self.process.pid, *processes.descendants_of(self.process.pid)]

    @property
    def client(self) -> int | None:
        """The process that has neonize loaded."""
        return next(filter(processes.holds_neonize, reversed(self.pids)), None)

    def code(self) -> str | None:
        """Return what shows, if anything does."""
        try:
            return self.payload.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def keys_in_database(self, noise_key: bytes) -> bool:
        """Tell whether the database holds the public Noise key of a device, live or as waste."""
        return self.database.exists() and noise_key in self.database.read_bytes()

    @abstractmethod
    async def start(self) -> None:
        """Start it."""

    @abstractmethod
    async def stop(self) -> str | None:
        """Stop it as an operator does; say what was wrong with how it stopped, if anything."""

    async def clear_away(self) -> None:
        """End it and everything it started, whatever state it is in."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)

    @property
    def _prefix(self) -> tuple[str, ...]:
        return () if self.disk is None else self.disk.prefix

    def _inside(self, path: Path) -> str:
        """Return a path as the program sees it."""
        return str(self.directory / path.relative_to(self.seen))

    def _environment(self) -> dict[str, str]:
        """Return an environment from which nothing but the loopback server can be reached."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), self.endpoint.proxy)
        return {
            **kept,
            **proxies,
            "SSL_CERT_FILE": str(self.endpoint.ca_file),
            **self.variables,
        }


class Supervised(ProgramUnderTest):
    """`wa-supervisor run`."""

    def __init__(  # noqa: PLR0913 - as ProgramUnderTest, and two more
        self,
        endpoint: Endpoint,
        directory: Path,
        *,
        session: str = "default",
        keepalive: float,
        bot: str | None = None,
        policy: Mapping[str, float] | None = None,
        phone: str | None = None,
    ) -> None:
        super().__init__(endpoint, directory, session=session, keepalive=keepalive, bot=bot)
        self.steps: list[TimedStep] = []
        self.policy = {**POLICY, **(policy or {})}
        self.phone = phone
        self._readers: list[asyncio.Task[None]] = []

    @property
    def files(self) -> SessionFiles:
        """The session's files."""
        return SessionFiles.at(self.session, self.seen)

    @property
    def database(self) -> Path:
        return self.files.database

    @property
    def last(self) -> StepRecord | None:
        """The newest step."""
        return self.steps[-1].record if self.steps else None

    @property
    def fork_server(self) -> int | None:
        """The fork server's process."""
        direct = processes.children_of(self.process.pid) if self.process else []
        return direct[0] if direct else None

    async def start(self, *options: str) -> None:
        """Start the command; a second start continues the first one's session."""
        arguments = ["--session", self.session, "--data-dir", str(self.directory)]
        arguments += ["--qr", f"payload:{self._inside(self.payload)}", *options]
        arguments += ["--bot", f"lab.faults.bots:{self.bot}"] if self.bot else []
        arguments += ["--phone", self.phone] if self.phone else []
        self.process, steps, log = await start_run(
            *arguments, env=self._environment(), prefix=self._prefix
        )
        loop = asyncio.get_running_loop()
        self._readers = [
            loop.create_task(self._read_steps(steps)),
            loop.create_task(self._read_log(log)),
        ]

    async def stop(self) -> str | None:
        """Send SIGTERM, and check that it is gone in time with all it started."""
        process = self.process
        if process is None or process.returncode is not None:
            return None
        others = self.pids
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.clear_away()
            return f"it did not stop within {STOP_SECONDS:g} s"
        if self._readers:
            await asyncio.wait(self._readers, timeout=STOP_SECONDS)
        left = [pid for pid in others if processes.alive(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if left:
            return "it left processes behind"
        if process.returncode != 0:
            return f"it stopped with exit code {process.returncode}"
        return None

    async def clear_away(self) -> None:
        await super().clear_away()
        if self._readers:
            await asyncio.wait(self._readers, timeout=STOP_SECONDS)

    def _environment(self) -> dict[str, str]:
        server = self.endpoint
        numbers = {
            f"{'WATCH' if name in Watch.model_fields else 'POLICY'}__{name.upper()}": f"{value:g}"
            for name, value in self.policy.items()
        }
        settings = {
            "ENDPOINT__PROXY": server.proxy,
            "ENDPOINT__CA_FILE": str(server.ca_file),
            "ENDPOINT__NOISE_ROOT": server.noise_root,
            "ENDPOINT__KEEPALIVE": f"{self.keepalive:g}",
            **numbers,
        }
        prefixed = {f"WA_SUPERVISOR_{name}": value for name, value in settings.items()}
        return super()._environment() | prefixed

    async def _read_steps(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.steps.append(TimedStep(time.monotonic(), StepRecord.parse(line)))

    async def _read_log(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.output.append(line)


class Bare(ProgramUnderTest):
    """A bare neonize script under `while true`: it is started again whenever it ends."""

    _loop: asyncio.Task[None] | None = None
    runs = 0

    @property
    def database(self) -> Path:
        return self.seen / f"{self.session}.db"

    async def start(self) -> None:
        """Start the loop."""
        self._loop = asyncio.get_running_loop().create_task(self._restart())

    async def stop(self) -> str | None:
        """Kill it: nothing else is sure to end it."""
        await self.clear_away()
        return None

    async def clear_away(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop], timeout=STOP_SECONDS)
        await super().clear_away()

    async def _restart(self) -> None:
        arguments = [self._inside(self.database), self.endpoint.noise_root, f"{self.keepalive:g}"]
        while True:
            self.process = await asyncio.create_subprocess_exec(
                *self._prefix,
                sys.executable,
                "-m",
                "lab.faults.bare_bot",
                *arguments,
                self._inside(self.payload),
                *([self.bot] if self.bot else []),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment(),
            )
            self.runs += 1
            await self.process.wait()
