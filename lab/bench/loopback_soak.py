"""What many connections cost the loopback server: `python -m lab.bench.loopback_soak`.

The server is a process of its own, `wa-loopback`; the clients are the smallest there are and ping
every two seconds. Prints one JSON object: connections, the time of pairings and logins, pings
answered, their median and 99th percentile, and of the server CPU and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from lab.clients.minimal import MinimalClient

_EVERY = 2.0
_AT_ONCE = 8


async def main() -> None:
    options = _options()
    words = ["-m", "wa_loopback.control", "--json", "--latency", "0"]
    server = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=-1)
    assert server.stdout is not None
    where = json.loads(await server.stdout.readline())
    try:
        print(json.dumps(await _soak(server.pid, where, options), indent=2))
    finally:
        server.terminate()
        await server.wait()


async def _soak(pid: int, where: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    idle = _memory(pid)
    clients = [MinimalClient(where["ws"]) for _ in range(options.connections)]
    turns, begun = asyncio.Semaphore(_AT_ONCE), time.monotonic()
    async with httpx.AsyncClient(base_url=where["control"], trust_env=False, timeout=60) as http:

        async def link(client: MinimalClient) -> None:
            async with turns:
                await client.connect()
                scan = asyncio.ensure_future(http.post("/scan", json={"qr": await client.qr()}))
                await client.sign()
                (await scan).raise_for_status()
                await client.log_in()

        await asyncio.gather(*map(link, clients))
        linked, cpu, took = time.monotonic() - begun, _cpu(pid), list[float]()
        until = time.monotonic() + options.seconds
        await asyncio.gather(*(_ping(c, n, until, took) for n, c in enumerate(clients)))
        used = _cpu(pid) - cpu
        state = (await http.get("/state")).json()
    return {
        "connections": sum(each["ready"] for each in state["connections"]),
        "pairings and logins in s": round(linked, 1),
        "seconds": options.seconds,
        "pings answered": len(took),
        "ping ms, median": round(statistics.median(took) * 1000, 2),
        "ping ms, 99 %": round(statistics.quantiles(took, n=100)[98] * 1000, 2),
        "server CPU %": round(100 * used / options.seconds, 1),
        "server RSS MB, idle": round(idle, 1),
        "server RSS MB": round(_memory(pid), 1),
    }


async def _ping(client: MinimalClient, number: int, until: float, took: list[float]) -> None:
    await asyncio.sleep(_EVERY * (number % 100) / 100)
    while time.monotonic() < until:
        begun = time.monotonic()
        await client.ask("w:p", "get")
        took.append(time.monotonic() - begun)
        await asyncio.sleep(_EVERY)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # user and system, in ticks of 10 ms


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
