"""What the session process costs: time to a QR, to be back, to a fresh QR; and memory."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from wa_loopback import LoopbackServer
from wa_supervisor.lifecycle import facts
from wa_supervisor.session.parent.link import ChildSpec, SessionLink
from wa_supervisor.store import SessionFiles

from .figures import line
from .world import DELAY, bare_client, directory, endpoint, supervised


async def first_qr(runs: int) -> list[str]:
    """From the start of the client's process to its first QR."""
    ours: list[float] = []
    cold: list[float] = []
    bare: list[float] = []
    async with LoopbackServer() as server:
        for turn in range(runs):
            with directory() as where:
                inbox: asyncio.Queue[facts.ChildFact] = asyncio.Queue()
                link = SessionLink(inbox.put_nowait)
                files = SessionFiles.open("bench", where)
                began = time.perf_counter()
                for generation in (1, 2):  # the first has the fork server to start, too
                    started = time.perf_counter()
                    await link.start(
                        ChildSpec("bench", files.database, generation, endpoint=endpoint(server))
                    )
                    while not isinstance(await inbox.get(), facts.QrOffered):
                        pass
                    if generation == 1:
                        cold.append(time.perf_counter() - began)
                    else:
                        ours.append(time.perf_counter() - started)
                    await link.stop(pairing=True)
                await link.aclose()
            with directory() as where:
                started = time.perf_counter()
                async with bare_client(server.endpoint, where / f"{turn}.db") as client:
                    await client.expect("qr")
                    bare.append(time.perf_counter() - started)
    return [
        line("child start -> first QR", "s", supervised=ours, bare=bare),
        line("the same, fork server to start too", "s", supervised=cold),
    ]


async def back_after_kill(runs: int) -> list[str]:
    """From SIGKILL of a connected client to Connected, less the configured delay."""
    ours: list[float] = []
    bare: list[float] = []
    async with LoopbackServer() as server:
        phone = server.phone()
        with directory() as where:
            async with supervised(server, where) as watch:
                await phone.scan((await watch.code(0.0))[1])
                at = await watch.entered("Connected", 0.0)
                for _ in range(runs):
                    killed = time.perf_counter()
                    os.kill(await _client_of(os.getpid()), signal.SIGKILL)
                    at = await watch.entered("Connected", killed)
                    ours.append(at - killed - DELAY)
        with directory() as where:
            database = where / "bare.db"
            async with bare_client(server.endpoint, database) as client:
                await phone.scan((await client.expect("qr"))["payload"])
                await client.event("Connected")
            for _ in range(runs):
                started = time.perf_counter()
                async with bare_client(server.endpoint, database) as client:
                    await client.event("Connected")
                    bare.append(time.perf_counter() - started)
    return [line("killed while Connected -> Connected", "s", supervised=ours, bare_restart=bare)]


async def fresh_qr(runs: int) -> list[str]:
    """From the phone's removal of the device to a fresh QR, less the configured delay."""
    ours: list[float] = []
    async with LoopbackServer() as server:
        phone = server.phone()
        with directory() as where:
            async with supervised(server, where) as watch:
                at, payload = await watch.code(0.0)
                for _ in range(runs):
                    device = await phone.scan(payload)
                    await watch.entered("Connected", at)
                    removed = time.perf_counter()
                    await phone.remove(device)
                    at, payload = await watch.code(removed)
                    ours.append(at - removed - DELAY)
    return [line("revoked -> fresh QR", "s", supervised=ours) + "; bare: never"]


async def memory(runs: int) -> list[str]:
    """Private dirty memory: what one more connected client costs. Clean pages are the file's."""
    sessions = max(2, min(runs, 5))
    ours: list[float] = []
    servers: list[float] = []
    bare: list[float] = []
    async with LoopbackServer() as server:
        for number in range(sessions):
            with directory() as where:
                phone = server.phone()
                async with supervised(server, where, f"bench{number}") as watch:
                    await phone.scan((await watch.code(0.0))[1])
                    await watch.entered("Connected", 0.0)
                    await asyncio.sleep(2)
                    child = await _client_of(os.getpid())
                    ours.append(_private_mib(child))
                    servers.append(_private_mib(_parent(child)))
                async with bare_client(server.endpoint, where / "bare.db") as client:
                    await phone.scan((await client.expect("qr"))["payload"])
                    await client.event("Connected")
                    await asyncio.sleep(2)
                    bare.append(_private_mib(client.process.pid))
    return [
        line("private dirty memory of a connected client", "MiB", supervised=ours, bare=bare),
        line("private dirty memory of the fork server beside it", "MiB", supervised=servers),
    ]


async def _client_of(supervisor: int) -> int:
    """Wait for the session process: the one descendant that maps neonize's library."""
    async with asyncio.timeout(10):
        while (pid := client_of(supervisor)) is None:
            await asyncio.sleep(0.001)
    return pid


def client_of(supervisor: int) -> int | None:
    """Find the session process now, None if there is none."""
    return next(filter(_maps_neonize, _descendants(supervisor)), None)


def _maps_neonize(pid: int) -> bool:
    try:
        return "neonize-" in Path(f"/proc/{pid}/maps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _private_mib(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = (int(row.split()[1]) for row in rollup if row.startswith("Private_Dirty:"))
    return sum(kib) / 1024
