"""Many sessions in one program, for `many`: told by lines what to do, says in JSON how it is."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from wa_supervisor import Endpoint, PairingSettings, Settings, State, Step
from wa_supervisor.multi.dials import Pace
from wa_supervisor.multi.sessions import Sessions

LAG_EVERY = 0.1


class Lag:
    """How late the loop wakes who sleeps, and for what: its own work, or no free core."""

    def __init__(self) -> None:
        self._cores = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self._late: list[tuple[float, float, float]] = []

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        worked, waited = self._on_cores()
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            late = loop.time() - due
            now = self._on_cores()
            self._late.append((late, now[0] - worked, now[1] - waited))
            worked, waited = now

    def _on_cores(self) -> tuple[float, float]:
        """Seconds for which the loop's thread ran, and waited for a core to run on."""
        ran, waited, _ = os.pread(self._cores, 100, 0).split()
        return int(ran) / 1e9, int(waited) / 1e9

    def take(self) -> list[tuple[float, float, float]]:
        late, self._late = self._late, []
        return late


async def main(count: int, where: Path, endpoint: Endpoint) -> None:
    lag = Lag()
    watching = asyncio.create_task(lag.watch())
    last: dict[str, Step] = {}
    async with Sessions(pace=Pace(at_once=4, apart=0.02)) as sessions:
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        for number in range(count):
            name = f"s{number}"
            shown = PairingSettings(qr=[f"payload:{where / name}.qr"])
            session = await sessions.add(
                Settings(session=name, data_dir=where / "data", endpoint=endpoint, pairing=shown)
            )
            session.on_step(partial(last.__setitem__, name))
            gc.freeze()  # as `run --all` does
        while line := (await lines.readline()).decode().split():
            if line == ["quit"]:
                break
            say(sessions, last, lag)
    watching.cancel()


def say(sessions: Sessions, last: Mapping[str, Step], lag: Lag) -> None:
    """Say how they stand, by the last step of each: the status of all would be work of its own."""
    told: dict[str, Any] = {
        "sessions": len(sessions),
        "connected": sum(step.after is State.CONNECTED for step in last.values()),
        "generations": sum(step.session.generation for step in last.values()),
        "late": lag.take(),
        "held": sessions.held,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    _, how_many, directory, proxy, ca_file, root = sys.argv
    there = Endpoint(proxy=SecretStr(proxy), ca_file=Path(ca_file), noise_root=root)
    asyncio.run(main(int(how_many), Path(directory), there))
