from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.bare import BareClient, bare_client, fast_directory
from wa_loopback import Connection, Device, LoopbackServer, Phone


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer() as running:
        yield running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    with fast_directory(tmp_path) as directory:
        yield directory / "session.db"


@dataclass
class Paired:
    """A bare client which was paired by QR code and is Connected."""

    client: BareClient
    phone: Phone
    device: Device
    connection: Connection


class Clients:
    """Starts bare clients of one server; all are dead at the end of the test."""

    def __init__(self, server: LoopbackServer, database: Path, stack: AsyncExitStack) -> None:
        self.server = server
        self.stack = stack
        self._database = database
        self._paired = 0

    async def start(self, *options: str, database: Path | None = None) -> BareClient:
        """Start a client, without another word on the database of the first that was paired."""
        return await self.stack.enter_async_context(
            bare_client(self.server.endpoint, database or self._database, *options)
        )

    async def pair(self, *options: str, phone: Phone | None = None) -> Paired:
        """Pair a client on a database of its own, with a phone or with a new one."""
        name = self._database.with_stem(f"{self._database.stem}{self._paired or ''}")
        self._paired += 1
        client = await self.start(*options, database=name)
        qr = await client.expect("qr")
        phone = phone or self.server.phone()
        device = await phone.scan(qr["payload"])
        await client.event("Connected")
        return Paired(client, phone, device, await self.server.wait_connected(device))


@pytest.fixture
async def clients(server: LoopbackServer, database: Path) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(server, database, stack)
