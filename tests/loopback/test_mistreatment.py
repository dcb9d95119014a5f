"""What only faults need: a server that cannot prove itself, is slow, half-open or asks for more."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from wa_loopback import Impostor, LoopbackServer

if TYPE_CHECKING:
    from loopback.conftest import Clients

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("impostor", "error"),
    [
        (Impostor.EXPIRED, "certificate has expired"),
        (Impostor.UNTRUSTED, "certificate signed by unknown authority"),
        (Impostor.NOISE_ROOT, "failed to verify server cert"),
    ],
)
async def test_a_server_that_cannot_prove_itself_is_refused_by_the_client(
    server: LoopbackServer, clients: Clients, impostor: Impostor, error: str
) -> None:
    server.impostor = impostor
    client = await clients.start()
    assert error in (await client.expect("raised"))["error"]
    server.impostor = None
    await clients.pair()


async def test_latency_delays_every_step_of_the_way_in(
    server: LoopbackServer, clients: Clients
) -> None:
    server.latency = 0.2
    client = await clients.start()
    began = time.monotonic()
    await server.changes.until(lambda: server.dials or None, within=30, what="a dial")
    dialled = time.monotonic()
    await client.expect("qr")
    assert dialled >= began
    assert time.monotonic() - dialled > 0.3


async def test_a_frozen_connection_is_missed_by_the_clients_keepalives(clients: Clients) -> None:
    paired = await clients.pair("--keepalive-scale", "0.01")
    paired.connection.freeze()
    await paired.client.event("KeepAliveTimeout")
    await paired.client.event("Connected")
    assert paired.connection.open  # for all that the server can know
    assert clients.server.overlaps == ()


async def test_somebody_who_types_is_no_event_of_the_lifecycle(clients: Clients) -> None:
    paired = await clients.pair()
    paired.connection.typing(paired.phone.jid)
    assert await paired.client.silence(0.5) == []
    await asyncio.sleep(0)
    assert paired.connection.open
