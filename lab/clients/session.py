"""A client paired with a phone, and what is seen of it when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from wa_loopback import Connection, Device, LoopbackServer, LoopbackTimeout, PairFault, Phone
from wa_loopback.observations import Dialled, Introduced, Kind, Lost

from .program import Client, Running, run

NUMBER = "15550001111"
KEEPALIVE = 1.0
"""Seconds between a client's pings, where it can be told; the usual is 20 to 30."""
_LATENCY, _RESTART_AFTER = 0.01, 0.2


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[LoopbackServer]:
    """A server with both doors, as late as a server for people is."""
    async with LoopbackServer(ws_port=0) as server:
        server.latency, server.restart_after = _LATENCY, _RESTART_AFTER
        yield server


@dataclass
class Session:
    """A client that was paired and is connected."""

    client: Client
    server: LoopbackServer
    directory: Path
    running: Running
    phone: Phone
    device: Device

    @property
    def connection(self) -> Connection:
        """Its newest open login."""
        return self.server.connections_of(self.device)[-1]

    async def drop(self) -> None:
        """Cut its connection."""
        await self.connection.drop()

    async def writable(self) -> None:
        """Wait until it has uploaded its prekeys: nobody can write to it before."""
        await self.server.changes.until(
            lambda: self.device.prekeys, within=10, what="the upload of prekeys"
        )


async def link(
    server: LoopbackServer, running: Running, *, by_code: bool, fault: PairFault | None = None
) -> Device:
    """Scan the QR that a client shows, or type its code."""
    phone = server.phone(NUMBER)
    if not by_code:
        return await phone.scan((await running.expect("qr"))["payload"], fault=fault)
    code = (await running.expect("code"))["code"]
    await server.changes.until(
        lambda: phone.is_waited_for() or None, within=10, what="a request for a pair code"
    )
    return await phone.enter_code(code, fault=fault)


@contextlib.asynccontextmanager
async def paired(
    client: Client, server: LoopbackServer, directory: Path, *, by_code: bool = False
) -> AsyncIterator[Session]:
    """Start a client and link it."""
    code = NUMBER if by_code else None
    async with run(
        client, server.endpoint, directory, pair_code=code, keepalive=KEEPALIVE
    ) as running:
        device = await link(server, running, by_code=by_code)
        await server.wait_connected(device, timeout=20)
        yield Session(client, server, directory, running, server.phone(NUMBER), device)


class Observer:
    """What becomes of a client from now on, seen from the server and heard from the client."""

    def __init__(self, server: LoopbackServer, running: Running, device: Device) -> None:
        self._device = device
        self._old = server.connections_of(device)
        self._server = server
        self._running = running
        self._log = len(server.log)
        self._said = len(running.said)
        self._begun = time.monotonic()

    def possible(self) -> None:
        """From now on the client can come back: what it did before does not count."""
        self._begun = time.monotonic()

    @property
    def attempts(self) -> int:
        """How often it has come to the server's door."""
        seen = self._server.log[self._log :]
        doors = sum(isinstance(each, Introduced | Lost) for each in seen)
        return max(doors, sum(isinstance(each, Dialled) for each in seen))

    @property
    def codes(self) -> int:
        """How often it registered anew."""
        seen = self._server.log[self._log :]
        arrived = (each for each in seen if isinstance(each, Introduced))
        return sum(each.kind is Kind.REGISTRATION for each in arrived)

    @property
    def said(self) -> list[str]:
        """The kinds of what it said."""
        return self._running.kinds(self._said)

    async def back(self, *, within: float) -> float | None:
        """Return after how long it has finished a login; None if it does not in time."""

        def fresh() -> bool | None:
            logins = self._server.connections_of(self._device)
            return any(each.ready and each not in self._old for each in logins) or None

        try:
            await self._server.changes.until(fresh, within=within, what="a login")
        except LoopbackTimeout:
            return None
        return time.monotonic() - self._begun

    async def watch(self, seconds: float) -> None:
        """See what it does, for so long or until its process ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._running.ended.wait(), seconds)
