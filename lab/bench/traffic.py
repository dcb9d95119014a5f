"""Messages in and out, ours beside a bare neonize: all connected to one server, measured in turns.

Each is a program of its own with its database on disk: one that reads `messages()`, one with a bot
beside the client, and the bare one. Where the machine is shared only their ratio says something.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from wa_loopback import LoopbackServer
from wa_loopback.device import Device

from ..bare import BareClient, bare_client
from . import tally_bot
from .figures import line
from .message_programs import settings_of
from .messages import on_disk

_BURST = 300
_ONE_BY_ONE = 30
_SENDS = 40
PAUSE = 0.02
"""Seconds before each send: without one a client that sends and does nothing else takes a third."""
_WITHIN = 60.0
_LOOK = 0.002


class Side(ABC):
    """One program that receives and sends."""

    def __init__(self, server: LoopbackServer, name: str, tally: Path) -> None:
        self.name = name
        self.server = server
        self.phone = server.phone()
        self.ann = server.contact()
        self._tally = tally
        self._found: dict[str, float] = {}
        self._read = 0

    @property
    def device(self) -> Device:
        (device,) = self.phone.devices
        return device

    async def arrived(self, idents: list[str]) -> list[float]:
        """Wait for messages, and return when each was handled, by `time.monotonic`."""
        wanted = set(idents)
        async with asyncio.timeout(_WITHIN):
            while not self._found.keys() >= wanted:
                await asyncio.sleep(_LOOK)
                self._look()
        return [self._found[each] for each in idents]

    @abstractmethod
    async def send(self, count: int) -> dict[str, list[float]]:
        """Send so many, one after the other: the seconds of each, by how it was sent."""

    async def burst(self) -> float:
        """Messages a second, from the first that is sent to the last that is handled."""
        said = [self.ann.say(self.phone, "in a burst") for _ in range(_BURST)]
        handled = await self.arrived([each.id for each in said])
        rate = _BURST / (max(handled) - said[0].deliveries[self.device].sent[0])
        await self.server.wait_acknowledged(self.device, timeout=_WITHIN)
        return rate

    async def hear(self) -> list[float]:
        """Milliseconds from the server's send to the handler, one message at a time."""
        taken = []
        for _ in range(_ONE_BY_ONE):
            said = self.ann.say(self.phone, "hello")
            (at,) = await self.arrived([said.id])
            taken.append((at - said.deliveries[self.device].sent[0]) * 1000)
            await self.server.wait_acknowledged(self.device, timeout=_WITHIN)
        return taken

    async def meet(self) -> None:
        """Let both sides hear of each other once, so that no first message is measured."""
        await self.arrived([self.ann.say(self.phone, "hello").id])
        await self.send(1)
        await self.server.wait_acknowledged(self.device, timeout=_WITHIN)

    def _look(self) -> None:
        if not self._tally.exists():
            return
        with self._tally.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for each in whole.decode().splitlines():
            ident, at = each.split()
            self._found.setdefault(ident, float(at))


class Bare(Side):
    """A bare neonize."""

    def __init__(self, server: LoopbackServer, client: BareClient, tally: Path) -> None:
        super().__init__(server, "bare", tally)
        self._client = client

    async def pair(self) -> None:
        await self.phone.scan((await self._client.expect("qr"))["payload"])
        await self.server.wait_connected(self.phone, timeout=_WITHIN)

    async def send(self, count: int) -> dict[str, list[float]]:
        call = {"to": str(self.ann.lid), "count": count, "pause": PAUSE}
        return {self.name: await self._client.call("send_many", within=_WITHIN, **call)}


class Ours(Side):
    """A program that embeds a supervisor."""

    def __init__(self, server: LoopbackServer, name: str, process: Process, tally: Path) -> None:
        super().__init__(server, name, tally)
        self._process = process

    async def pair(self) -> None:
        await self.phone.scan((await self._line())["qr"])
        await self.server.wait_connected(self.phone, timeout=_WITHIN)

    async def send(self, count: int) -> dict[str, list[float]]:
        assert self._process.stdin is not None
        found = {}
        for how, key in ((self.name, None), (f"{self.name} with a key", os.urandom(8).hex())):
            order = {"to": str(self.ann.lid), "count": count, "key": key, "pause": PAUSE}
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            found[how] = (await self._line())["sent"]
        return found

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), _WITHIN)
        found: dict[str, Any] = json.loads(said)
        return found


@contextlib.asynccontextmanager
async def _ours(server: LoopbackServer, where: Path, name: str, bot: str) -> AsyncIterator[Ours]:
    directory = where / name
    directory.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"{__package__}.traffic_program"),
        json.dumps(settings_of(server, directory) | {"bot": bot or None}),
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {"HTTPS_PROXY": server.endpoint.proxy, tally_bot.FILE: str(directory / "tally")},
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 20,
    )
    try:
        side = Ours(server, name, process, directory / "tally")
        await side.pair()
        yield side
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), _WITHIN)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def _sides() -> AsyncIterator[list[Side]]:
    async with contextlib.AsyncExitStack() as stack:
        where = stack.enter_context(on_disk())
        server = await stack.enter_async_context(LoopbackServer())
        tally = where / "tally"
        client = bare_client(
            *(server.endpoint, where / "bare.db", "--messages", "--note"),
            more={tally_bot.FILE: str(tally)},
        )
        bare = Bare(server, await stack.enter_async_context(client), tally)
        await bare.pair()
        bot = f"{tally_bot.__name__}:{tally_bot.register.__name__}"
        reader = await stack.enter_async_context(_ours(server, where, "messages()", ""))
        beside = await stack.enter_async_context(_ours(server, where, "bot", bot))
        sides: list[Side] = [bare, reader, beside]
        for side in sides:
            await side.meet()
        yield sides


async def traffic(runs: int) -> list[str]:
    """Throughput, latency and the round trip of a send, in `runs` turns of each program."""
    rates: dict[str, list[float]] = {}
    heard: dict[str, list[float]] = {}
    sent: dict[str, list[float]] = {}
    async with _sides() as sides:
        for _ in range(runs):
            sides.append(sides.pop(0))  # no one is always the first
            for side in sides:
                rates.setdefault(side.name, []).append(await side.burst())
            for side in sides:
                heard.setdefault(side.name, []).extend(await side.hear())
            for side in sides:
                for how, seconds in (await side.send(_SENDS)).items():
                    sent.setdefault(how, []).extend(each * 1000 for each in seconds)
    return [
        line(f"receive, bursts of {_BURST}", "messages/s", **rates),
        _spread("sent -> handled", heard),
        _spread("send_text, call to return", sent),
    ]


def _spread(name: str, samples: dict[str, list[float]]) -> str:
    parts = [
        f"{label} median {statistics.median(values):.3g} ms, "
        f"p99 {statistics.quantiles(values, n=100)[-1]:.3g} ms (n={len(values)})"
        for label, values in samples.items()
    ]
    return f"{name}: {'; '.join(parts)}"
