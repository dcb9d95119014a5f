"""What one session costs from the command line, each process of it, beside a bare script."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sysconfig
import time
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wa_loopback import LoopbackServer

from ..bare import BareClient
from ..processes import descendants_of, file_descriptors, holds_neonize
from .figures import line
from .world import bare_client, directory

_PREFIX = "WA_SUPERVISOR_ENDPOINT__"
_SETTLE = 15.0
"""Seconds after the login for which nothing is counted: requests, uploads of keys, snapshots."""
_WINDOW = 120.0
_PATIENCE = 30.0
_HOUR = 3600.0
_MIB = 1024


async def first_qr_of_run(runs: int) -> list[str]:
    """From `wa-supervisor run` to its first QR, and from the start of a bare script to its own."""
    ours: list[float] = []
    bare: list[float] = []
    async with LoopbackServer() as server:
        for turn in range(runs):
            with directory() as where:
                began = time.perf_counter()
                async with _run(server, where) as (_, code):
                    await _until(code.exists)
                    ours.append(time.perf_counter() - began)
            with directory() as where:
                began = time.perf_counter()
                async with bare_client(server.endpoint, where / f"{turn}.db") as client:
                    await client.expect("qr")
                    bare.append(time.perf_counter() - began)
    return [line("`wa-supervisor run` -> first QR", "s", supervised=ours, bare=bare)]


async def idle(_: int) -> list[str]:
    """Watch a connected session to which nothing happens, and a bare script, for two minutes."""
    async with LoopbackServer() as server:
        with directory() as where:
            async with (
                _run(server, where) as (program, code),
                bare_client(server.endpoint, where / "bare.db") as client,
            ):
                await _until(code.exists)
                await server.phone().scan(code.read_text())
                await _connected(program, where)
                await _pair(server, client)
                await asyncio.sleep(_SETTLE)
                processes = _named(program.pid) | {"bare": client.process.pid}
                before = {name: _Spent.of(pid) for name, pid in processes.items()}
                await asyncio.sleep(_WINDOW)
                found = [_row(name, pid, before[name]) for name, pid in processes.items()]
    return found


def _row(name: str, pid: int, before: _Spent) -> str:
    cpu, wakes = _Spent.of(pid).since(before)
    memory = _memory(pid)
    threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    return (
        f"{name}: {_HOUR / _WINDOW * cpu:.2f} CPU s/h, {wakes / _WINDOW:.2f} wakes/s, "
        f"PSS {memory['Pss']:.1f} MiB, private {memory['Private']:.1f}, "
        f"{threads} threads, {file_descriptors(pid)} fds"
    )


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU in seconds and voluntary switches, of each thread that lives."""

    threads: dict[str, tuple[float, int]]

    @classmethod
    def of(cls, pid: int) -> _Spent:
        found = {}
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                cpu = int((task / "schedstat").read_text().split()[0]) / 1e9
                status = _fields((task / "status").read_text().splitlines())
                found[task.name] = (cpu, int(status["voluntary_ctxt_switches"]))
        return cls(found)

    def since(self, before: _Spent) -> tuple[float, int]:
        """What was spent, by threads that live."""
        old = before.threads
        spent = [
            (c - old.get(t, (0, 0))[0], w - old.get(t, (0, 0))[1])
            for t, (c, w) in self.threads.items()
        ]
        return sum(c for c, _ in spent), sum(w for _, w in spent)


def _memory(pid: int) -> dict[str, float]:
    """MiB."""
    rollup = _fields(Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    kib = {name: int(value.split()[0]) for name, value in rollup.items()}
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"Pss": kib["Pss"] / _MIB, "Private": private / _MIB}


def _fields(lines: Iterable[str]) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (each.partition(":") for each in lines)}


def _named(supervisor: int) -> dict[str, int]:
    below = descendants_of(supervisor)
    session = next(filter(holds_neonize, below))
    others = {f"fork server {pid}": pid for pid in below if pid != session}
    return {"supervisor": supervisor, **others, "session process": session}


@contextlib.asynccontextmanager
async def _run(server: LoopbackServer, where: Path) -> AsyncIterator[tuple[Process, Path]]:
    """Run the program; say where its code is to be seen."""
    there, code = server.endpoint, where / "code"
    program = await create_subprocess_exec(
        Path(sysconfig.get_path("scripts"), "wa-supervisor"),
        *("run", "--session", "bench", "--data-dir", where / "data", "--qr", f"payload:{code}"),
        env=os.environ
        | {
            "HTTPS_PROXY": there.proxy,
            f"{_PREFIX}PROXY": there.proxy,
            f"{_PREFIX}CA_FILE": str(there.ca_file),
            f"{_PREFIX}NOISE_ROOT": there.noise_root,
        },
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        yield program, code
    finally:
        program.terminate()
        await program.wait()


async def _connected(program: Process, where: Path) -> None:
    def is_there() -> bool:
        return (
            any(map(holds_neonize, descendants_of(program.pid))) and not (where / "code").exists()
        )

    await _until(is_there)


async def _pair(server: LoopbackServer, client: BareClient) -> None:
    await server.phone().scan((await client.expect("qr"))["payload"])
    await client.event("Connected")


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not holds():
            await asyncio.sleep(0.002)
