"""A loopback server, a supervised session and a bare neonize script, side by side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from wa_loopback import LoopbackServer
from wa_supervisor import Endpoint, PairingSettings, Policy, Settings, StepRecord, Supervisor
from wa_supervisor.lifecycle import Backoff, Limit

# The bare script is the one the loopback tests use: a plain neonize program with no supervisor.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "loopback"))
from ..bare import BareClient, bare_client

__all__ = ["DELAY", "BareClient", "Watch", "bare_client", "directory", "endpoint", "supervised"]

DELAY = 0.05
"""The configured backoff of supervised runs, in seconds; it is taken off what is measured."""

_ENOUGH = Limit(count=100_000, window=1.0)
_POLICY = Policy(
    backoff=Backoff(base=DELAY, cap=DELAY, jitter=0.0),
    dials=_ENOUGH,
    windows=_ENOUGH,
    flaps=_ENOUGH,
)
_PATIENCE = 20.0


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Make a directory in memory, where there is one: disks differ more than programs do."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="wa-supervisor-bench-", dir=parent) as name:
        yield Path(name)


def endpoint(server: LoopbackServer) -> Endpoint:
    """The settings that lead a session process to the server."""
    return Endpoint(
        proxy=SecretStr(server.endpoint.proxy),
        ca_file=Path(server.endpoint.ca_file),
        noise_root=server.endpoint.noise_root,
    )


@dataclass
class Watch:
    """What a running supervisor did, and when on `time.perf_counter`."""

    steps: list[tuple[float, StepRecord]] = field(default_factory=list)
    codes: list[tuple[float, SecretStr]] = field(default_factory=list)

    def step(self, record: StepRecord) -> None:
        """Note a step."""
        self.steps.append((time.perf_counter(), record))

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Note a QR."""
        del lifetime
        self.codes.append((time.perf_counter(), payload))

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Pair codes are not measured."""

    def hide(self) -> None:
        """Nothing is shown."""

    close = hide

    async def entered(self, state: str, since: float) -> float:
        """Wait until `state` was entered after `since`; say when."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                for at, record in self.steps:
                    if at > since and record.after == state != record.before:
                        return at
                await asyncio.sleep(0.001)

    async def code(self, since: float) -> tuple[float, SecretStr]:
        """Wait for a QR shown after `since`."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                for at, payload in self.codes:
                    if at > since:
                        return at, payload
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def supervised(
    server: LoopbackServer, where: Path, session: str = "bench"
) -> AsyncIterator[Watch]:
    """Run a supervisor on the server for as long as this lasts."""
    settings = Settings(
        session=session,
        data_dir=where,
        policy=_POLICY,
        pairing=PairingSettings(qr=[]),
        endpoint=endpoint(server),
    )
    watch = Watch()
    supervisor = Supervisor(settings, sinks=[watch])
    supervisor.on_record(watch.step)
    running = asyncio.create_task(supervisor.run())
    try:
        yield watch
    finally:
        supervisor.stop()
        await running
