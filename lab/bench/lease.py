"""How long the processes of a frozen supervisor live on after their lease; also that supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from pydantic import SecretStr

from wa_supervisor import Endpoint
from wa_supervisor.session.parent.fork_servers import ForkServers

from ..processes import alive
from .figures import line

_LEASE = 2.0
_FORKS = 20
_NOWHERE = Endpoint(proxy=SecretStr("http://127.0.0.1:9"))


async def frozen(runs: int) -> list[str]:
    """Seconds from the end of the lease to the death of the last of twenty processes."""
    late = [await _late() for _ in range(runs)]
    return [line(f"{_FORKS} processes of a frozen supervisor, after their lease", "s", dead=late)]


async def _late() -> float:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        pids = json.loads(await asyncio.wait_for(program.stdout.readline(), 60))
        until = json.loads(await asyncio.wait_for(program.stdout.readline(), 60))
        program.send_signal(signal.SIGSTOP)
        while any(map(alive, pids)):
            await asyncio.sleep(0.005)
        return _now() - float(until)
    finally:
        program.kill()
        await program.wait()


async def _hold() -> None:
    async with ForkServers() as servers:
        await servers.ready(_NOWHERE)
        output = os.open(os.devnull, os.O_WRONLY)
        lines, pids = [], []
        for _ in range(_FORKS):
            ours, theirs = socket.socketpair()
            pids.append((await servers.launch(_NOWHERE, theirs.fileno(), output)).pid)
            theirs.close()
            lines.append(ours)
        while not all(Path(f"/proc/{pid}/fd/1").readlink() == Path(os.devnull) for pid in pids):  # noqa: ASYNC240
            await asyncio.sleep(0.01)
        print(json.dumps(pids), flush=True)
        until = _now() + _LEASE
        servers.renew(until)
        print(json.dumps(until), flush=True)
        await asyncio.sleep(60)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


if __name__ == "__main__":
    asyncio.run(_hold())
