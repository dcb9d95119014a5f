"""Many sessions in one program, for `many`: told by lines what to do, says in JSON how it is."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from wa_supervisor import Endpoint, PairingSettings, Settings, State
from wa_supervisor.multi.dials import Pace
from wa_supervisor.multi.sessions import Sessions

LAG_EVERY = 0.1


class Lag:
    """How late the loop wakes who sleeps."""

    def __init__(self) -> None:
        self.most = 0.0

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self.most = max(self.most, loop.time() - due)

    def take(self) -> float:
        most, self.most = self.most, 0.0
        return most


async def main(count: int, where: Path, endpoint: Endpoint) -> None:
    lag = Lag()
    watching = asyncio.create_task(lag.watch())
    async with Sessions(pace=Pace(at_once=4, apart=0.02)) as sessions:
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        for number in range(count):
            name = f"s{number}"
            shown = PairingSettings(qr=[f"payload:{where / name}.qr"])
            await sessions.add(
                Settings(session=name, data_dir=where / "data", endpoint=endpoint, pairing=shown)
            )
        while line := (await lines.readline()).decode().split():
            match line:
                case ["crash", some]:
                    pids = [s.client.pid for s in sessions.statuses() if s.client is not None]
                    for pid in random.sample(pids, int(some)):
                        os.kill(pid, signal.SIGKILL)
                case ["quit"]:
                    break
            say(sessions, lag)
    watching.cancel()


def say(sessions: Sessions, lag: Lag) -> None:
    statuses = sessions.statuses()
    told: dict[str, Any] = {
        "sessions": len(statuses),
        "connected": sum(each.state is State.CONNECTED for each in statuses),
        "generations": sum(each.generation for each in statuses),
        "lag": lag.take(),
        "held": sessions.held,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    _, how_many, directory, proxy, ca_file, root = sys.argv
    there = Endpoint(proxy=SecretStr(proxy), ca_file=Path(ca_file), noise_root=root)
    asyncio.run(main(int(how_many), Path(directory), there))
