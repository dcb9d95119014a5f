from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loopback.conftest import Clients
from wa_loopback import LoopbackError, LoopbackServer, LoopbackTimeout, Step
from wa_loopback.observations import Dialled

e2e = pytest.mark.e2e


async def test_a_server_is_started_once_and_used_while_it_runs() -> None:
    server = LoopbackServer()
    with pytest.raises(LoopbackError):
        _ = server.endpoint
    async with server:
        assert server.endpoint.ca_file.exists()
        with pytest.raises(LoopbackError):
            await server.start()
        ca_file = server.endpoint.ca_file
    assert not ca_file.exists()
    with pytest.raises(LoopbackError):
        server.accept()


async def test_a_server_can_be_started_again_on_its_port() -> None:
    server = LoopbackServer()
    async with server:
        proxy = server.endpoint.proxy
    async with server:
        assert server.endpoint.proxy == proxy


async def test_waiting_for_nobody_ends_at_the_deadline(server: LoopbackServer) -> None:
    with pytest.raises(LoopbackTimeout):
        await server.next_connection(timeout=0.05)
    with pytest.raises(LoopbackTimeout):
        await server.wait_connected(server.phone(), timeout=0.05)


async def test_a_bug_while_serving_is_raised_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("wa_loopback.transport.accept", broken)
    server = LoopbackServer()
    await server.start()
    port = int(server.endpoint.proxy.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    with pytest.raises(ExceptionGroup) as caught:
        await server.stop()
    assert caught.group_contains(ZeroDivisionError)


async def test_phones_keep_their_numbers(server: LoopbackServer) -> None:
    first, second = server.phone(), server.phone()
    assert first.number != second.number
    assert server.phone(first.number) is first
    assert server.phone("15550001111").number == "15550001111"


@e2e
async def test_a_client_dials_whatsapp_and_nothing_else(
    server: LoopbackServer, clients: Clients
) -> None:
    await clients.pair()
    assert {each.target for each in server.log if isinstance(each, Dialled)} == {
        "web.whatsapp.com:443"
    }
    assert (server.dials, server.logins, server.overlaps) == (2, 1, ())


@e2e
async def test_a_refused_first_dial_ends_connect(server: LoopbackServer, clients: Clients) -> None:
    server.refuse()
    raised = await (await clients.start()).expect("raised")
    assert "connection refused" in raised["error"]


@e2e
@pytest.mark.parametrize(("proxy", "upgrade"), [(502, None), (None, 503)])
async def test_a_refusal_on_the_way_ends_connect(
    server: LoopbackServer, clients: Clients, proxy: int | None, upgrade: int | None
) -> None:
    server.proxy_status, server.upgrade_status = proxy, upgrade
    raised = await (await clients.start()).expect("raised")
    assert "failed to dial whatsapp web websocket" in raised["error"]


@e2e
async def test_a_connected_client_comes_back_when_the_server_does(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    server.refuse()
    await paired.connection.drop()
    await paired.client.event("Disconnected")
    server.accept()
    await server.wait_connected(paired.device)
    await paired.client.event("Connected")
    assert server.logins == 2


@e2e
@pytest.mark.parametrize("step", list(Step))
async def test_a_client_hears_nothing_from_a_stalled_step_on(
    server: LoopbackServer, clients: Clients, step: Step
) -> None:
    server.stall(step)
    client = await clients.start()
    if step is Step.LOGIN:
        await server.phone().scan((await client.expect("qr"))["payload"])
        await client.event("PairStatus")
    await server.changes.until(
        lambda: len(server.log) or None, within=30, what="a sign of the client"
    )
    assert await client.silence(0.7) == []
    server.accept()
    assert server.logins == 0


@e2e
async def test_several_accounts_are_served_at_once(
    server: LoopbackServer, clients: Clients, database: Path
) -> None:
    first = await clients.pair()
    second = await Clients(server, database.with_name("other.db"), clients.stack).pair()
    assert first.device.jid != second.device.jid
    assert {each.device for each in server.connections} == {first.device, second.device}
    await first.phone.remove(first.device)
    await first.client.event("LoggedOut")
    assert server.connections == (second.connection,)
