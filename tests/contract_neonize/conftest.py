"""The bare client and the server of the loopback tests: nothing of the supervisor takes part."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.bare import BareClient, environment
from loopback.conftest import clients, database, server
from wa_loopback import LoopbackServer

__all__ = ["QUIET", "clients", "database", "devices", "program", "server"]

QUIET = 1.0
"""Seconds in which a client that redials by itself would have done so."""

_PROGRAM = Path(__file__).with_name("clients_program.py")


def devices(database: Path) -> int:
    """How many devices are registered in a database."""
    with closing(sqlite3.connect(database)) as opened:
        (count,) = opened.execute("SELECT count(*) FROM whatsmeow_device").fetchone()
    return int(count)


class Program(BareClient):
    """One process with several clients: see `clients_program.py`."""

    async def do(self, line: str, *, within: float = 15.0) -> Any:
        """Say a line, and wait until it is done; return what it is worth."""
        word, *arguments = line.split()
        self.tell(line)
        asked = {"kind": "done", "word": word, "arguments": arguments}
        done = await self.answer(lambda line: asked.items() <= line.items(), within)
        return done["value"]

    def printed(self) -> str:
        """What Go has printed on standard output."""
        return Path(f"{self.database}.printed").read_text()

    async def connect(self, name: str) -> None:
        """Connect a client which is paired, and wait until it is."""
        await self.do(f"connect {name}")
        await self.expect("event", name="Connected", client=name)

    async def pair(self, server: LoopbackServer, name: str) -> None:
        """Connect a client which is not paired, and scan its code."""
        await self.do(f"connect {name}")
        code = await self.expect("qr", client=name)
        await server.phone().scan(code["payload"])
        await self.expect("event", name="Connected", client=name)


@pytest.fixture
async def program(server: LoopbackServer, database: Path) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_PROGRAM), str(database), server.endpoint.noise_root),
        env=environment(server.endpoint),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 20,
    )
    started = Program(process, database)
    try:
        await started.expect("ready")
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait_for(process.wait(), 15)
