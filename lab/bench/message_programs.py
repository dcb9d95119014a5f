"""The programs that `message_kills` ends: one that embeds a supervisor, and a bare neonize."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wa_loopback import Connection, LoopbackServer

from .. import processes
from ..bare import BareClient, bare_client
from . import witness
from .kill_schedule import Victim

WITHIN = 40.0
_BARE_SILENCE = 3600.0  # read the bare program until it ends
_GONE_SECONDS = 10.0
_ROOT = Path(__file__).parents[2]
_PLENTY = {"count": 1_000_000, "window": 1.0}
_POLICY = {
    "backoff": {"base": 0.05, "cap": 0.1, "jitter": 0},
    "start_timeout": WITHIN,
    **dict.fromkeys(("dials", "windows", "flaps", "crashes"), _PLENTY),
}
_GATE = {
    "direct": "open",
    "groups": "allowlist",
    "group_senders": "open",
    "newsletters": "open",
    "allow": ["*@g.us"],
}


def settings_of(server: LoopbackServer, where: Path) -> dict[str, object]:
    """The settings of a session on this server, as JSON; everybody may write to it."""
    endpoint = server.endpoint
    return {
        "session": "bench",
        "data_dir": str(where),
        "pairing": {"qr": []},
        "policy": _POLICY,
        "gate": _GATE,
        "endpoint": {
            "proxy": endpoint.proxy,
            "ca_file": str(endpoint.ca_file),
            "noise_root": endpoint.noise_root,
        },
    }


class Broken(Exception):
    """Raised when a process ended otherwise than it was made to."""


@dataclass
class Received:
    """What a program has got, from outside."""

    order: list[str] = field(default_factory=list)
    """The texts it was handed, each the first time."""
    twice: int = 0
    """How often it was handed what it had handled, or acknowledged, before."""
    again: int = 0
    """How often it was handed what it had not acknowledged, and was told so."""
    called: set[str] = field(default_factory=set)
    """What neonize has called back with, if that was witnessed."""
    returned: set[str] = field(default_factory=set)
    """For what that call has returned."""


class Ours:
    """A program of its own that embeds a supervisor, with a reader that acknowledges."""

    name = "ours"
    victims: tuple[Victim, ...] = tuple(Victim)

    def __init__(self, server: LoopbackServer, where: Path, *, prefix: Sequence[str] = ()) -> None:
        self.phone = server.phone()
        self._server = server
        self._prefix = prefix
        self._witness = where / "witness"
        bot = f"{witness.__name__}:{witness.register.__name__}"
        settings = settings_of(server, where) | {"bot": bot}
        self._settings = json.dumps(settings)
        self._lives = 0
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._qr: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._said: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Start it if it is not there, and wait until its client has logged in."""
        if self._process is None:
            own = {
                "HTTPS_PROXY": self._server.endpoint.proxy,
                "PYTHONPATH": str(_ROOT),
                witness.FILE: str(self._witness),
            }
            ack = "manual" if self._lives % 2 else "auto"
            self._lives += 1
            self._process = await asyncio.create_subprocess_exec(
                *(*self._prefix, sys.executable, "-m", f"{__package__}.message_reader"),
                *(self._settings, ack),
                cwd=_ROOT,
                env=os.environ | own,
                stdin=DEVNULL,
                stdout=PIPE,
            )
            self._reading = asyncio.create_task(self._read(self._process))
        if not self.phone.devices:
            await self.phone.scan(await asyncio.wait_for(self._qr, WITHIN))
        self._connection = await self._server.wait_connected(self.phone, timeout=WITHIN)

    async def kill(self, victim: Victim) -> None:
        """SIGKILL it or a part of it, and wait until what that ends has ended."""
        assert self._process is not None
        pid = self._process.pid
        if self._process.returncode is not None:
            raise Broken(f"our program had ended by itself with {self._process.returncode}")
        family = processes.descendants_of(pid)
        sessions = [each for each in family if processes.holds_neonize(each)]
        servers = [each for each in family if each not in sessions]
        struck = {
            Victim.SUPERVISOR: [pid],
            Victim.BOTH: [pid, *family],
            Victim.SESSION: sessions,
            Victim.FORK_SERVER: servers[:1],
        }[victim]
        if not struck:
            raise Broken(f"there is no {victim} to be killed")
        for each in struck:  # one dies of the other's death
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        # A session process ends with its fork server, too.
        await _gone(family if pid in struck else [*struck, *sessions])
        if pid in struck:
            await self._end()
        assert self._connection is not None
        await self._connection.wait_closed(within=_GONE_SECONDS)

    async def stop(self) -> None:
        """Stop it as an operator does."""
        assert self._process is not None
        self._process.terminate()
        if code := await self._end():
            raise Broken(f"a stop ended our program with {code}")

    async def aclose(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._end()

    @property
    def handed(self) -> int:
        """How many messages it was handed so far."""
        return sum("handed" in line for line in self._said)

    async def received(self) -> Received:
        found = Received()
        found.called, found.returned = witness.read(self._witness)
        handed: set[str] = set()
        acknowledged: set[str] = set()
        for line in self._said:
            if "acked" in line:
                acknowledged.add(line["acked"])
            elif (text := line["handed"]) not in handed:
                handed.add(text)
                found.order.append(text)
            elif text in acknowledged or not line["again"]:
                found.twice += 1
            else:
                found.again += 1
        return found

    async def _end(self) -> int:
        assert self._process is not None
        assert self._reading is not None
        code = await asyncio.wait_for(self._process.wait(), WITHIN)
        await asyncio.wait_for(self._reading, _GONE_SECONDS)
        self._process = None
        return code

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for data in process.stdout:
            line = json.loads(data)
            if "qr" not in line:
                self._said.append(line)
            elif not self._qr.done():
                self._qr.set_result(line["qr"])


class Bare:
    """The bare program and what its handler has printed."""

    victims: tuple[Victim, ...] = (Victim.SESSION,)

    def __init__(self, server: LoopbackServer, where: Path, work: float) -> None:
        self.name = f"bare, handler of {work * 1000:g} ms"
        self.phone = server.phone()
        self._server = server
        self._database = where / f"bare-{work}.db"
        self._options = "--messages", "--work", str(work)
        self._printed: list[str] = []
        self._life = contextlib.AsyncExitStack()
        self.aclose = self._life.aclose
        self._client: BareClient | None = None
        self._reading: asyncio.Task[list[dict[str, Any]]] | None = None

    async def start(self) -> None:
        is_first = self._client is None
        self._client = client = await self._life.enter_async_context(
            bare_client(self._server.endpoint, self._database, *self._options)
        )
        if is_first:
            await self.phone.scan((await client.expect("qr"))["payload"])
        await client.event("Connected")
        self._reading = asyncio.create_task(client.silence(_BARE_SILENCE))

    async def kill(self, victim: Victim) -> None:
        del victim
        assert self._client is not None
        self._client.process.kill()
        if await self._end() != -signal.SIGKILL:
            raise Broken("the bare program ended by itself")

    async def stop(self) -> None:
        assert self._client is not None
        self._client.tell("stop")
        if await self._end() != 0:
            raise Broken("a stop ended the bare program with an error")

    async def received(self) -> Received:
        order = list(dict.fromkeys(self._printed))
        return Received(order, twice=len(self._printed) - len(order))

    async def _end(self) -> int:
        """Read all that it had printed when it died."""
        assert self._client is not None
        assert self._reading is not None
        code = await self._client.exit(within=WITHIN)
        await self._reading
        events = (line for line in self._client.said if line.get("name") == "Message")
        texts = (line["fields"]["Message"].get("conversation") for line in events)
        self._printed += [text for text in texts if text]
        await self._life.aclose()
        return code


async def _gone(pids: list[int]) -> None:
    end = time.monotonic() + _GONE_SECONDS
    while left := [pid for pid in pids if processes.alive(pid)]:
        if time.monotonic() > end:
            raise Broken(f"{len(left)} processes outlived the kill")
        await asyncio.sleep(0.01)
