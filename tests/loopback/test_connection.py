from __future__ import annotations

import signal
from typing import Any

import pytest

from loopback.conftest import Clients, Paired
from wa_loopback import Failure, Kind, LoopbackServer
from wa_loopback.observations import KeptAlive

pytestmark = pytest.mark.e2e


async def test_a_stream_error_515_reconnects_without_a_disconnect(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error("515")
    await paired.client.event("Connected")
    assert paired.client.events()[-2:] == ["Connected", "Connected"]
    assert server.logins == 2


async def test_a_stream_error_503_disconnects_and_reconnects(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error("503")
    await paired.client.event("Disconnected")
    await paired.client.event("Connected")


async def test_an_unknown_stream_error_is_reported(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error("516")
    assert (await paired.client.event("StreamError"))["Code"] == "516"
    await paired.client.event("Connected")


async def test_a_replaced_client_stays_away(server: LoopbackServer, clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error(conflict="replaced")
    await paired.client.event("StreamReplaced")
    assert await paired.client.silence(0.5) == []
    assert server.connections == ()


async def test_a_removed_device_without_the_code_is_no_logout(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error(conflict="device_removed")
    await paired.client.event("StreamError")
    await paired.client.event("Connected")


@pytest.mark.parametrize("how", ["drop", "close", "xmlstreamend"])
async def test_a_lost_connection_is_dialled_again(
    server: LoopbackServer, clients: Clients, how: str
) -> None:
    paired = await clients.pair()
    host, port = paired.connection.peer
    assert host == "127.0.0.1"
    assert port > 0
    assert not paired.connection.gone
    await getattr(paired.connection, how)()
    assert not paired.connection.open
    assert paired.connection.gone
    await paired.client.event("Disconnected")
    await paired.client.event("Connected")
    assert (await server.wait_connected(paired.device)) is not paired.connection
    assert server.overlaps == ()


async def test_a_panic_aborts_the_process(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.panic()
    assert await paired.client.exit() == -signal.SIGABRT


async def test_a_muted_connection_is_missed_and_heard_again(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair("--keepalive-scale", "0.02")
    paired.connection.mute()
    assert (await paired.client.event("KeepAliveTimeout"))["ErrorCount"] == "1"
    paired.connection.unmute()
    await paired.client.event("KeepAliveRestored")
    assert KeptAlive(paired.device, answered=True) in server.log


async def test_a_connection_muted_for_long_is_replaced_without_a_disconnect(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair("--keepalive-scale", "0.01")
    paired.connection.mute()
    await paired.client.event("Connected")
    assert "KeepAliveTimeout" in paired.client.events()
    assert "Disconnected" not in paired.client.events()
    await paired.connection.wait_closed()
    assert (await server.wait_connected(paired.device)) is not paired.connection


@pytest.mark.parametrize(
    ("failure", "event", "fields"),
    [
        (Failure(401), "LoggedOut", {"OnConnect": True, "Reason": "LOGGED_OUT"}),
        (Failure(403), "LoggedOut", {"OnConnect": True, "Reason": "MAIN_DEVICE_GONE"}),
        (Failure(406), "LoggedOut", {"OnConnect": True, "Reason": "UNKNOWN_LOGOUT"}),
        (
            Failure(402, code=101, expire=3600),
            "TemporaryBan",
            {"Code": "SEND_TO_TOO_MANY_PEOPLE", "Expire": "3600"},
        ),
        (Failure(405), "ClientOutdated", {}),
        (Failure(400, message="no"), "ConnectFailure", {"Reason": "GENERIC", "Message": "no"}),
        (Failure(409), "ConnectFailure", {"Reason": "BAD_USER_AGENT"}),
        (Failure(501), "ConnectFailure", {"Reason": "EXPERIMENTAL"}),
    ],
)
async def test_a_failure_is_the_event_it_stands_for(
    clients: Clients, failure: Failure, event: str, fields: dict[str, Any]
) -> None:
    paired = await clients.pair()
    await paired.connection.failure(
        failure.reason, code=failure.code, expire=failure.expire, message=failure.message
    )
    assert fields.items() <= (await paired.client.event(event)).items()
    assert await paired.client.silence(0.3) == []
    assert not paired.connection.open


async def test_connections_come_in_order_and_say_what_for(
    server: LoopbackServer, clients: Clients
) -> None:
    paired: Paired = await clients.pair()
    first, second = await server.next_connection(), await server.next_connection()
    assert (first.kind, second.kind) == (Kind.REGISTRATION, Kind.LOGIN)
    assert first.device is second.device is paired.device
    assert second is paired.connection
    assert second.ready
    assert (str(first.kind), str(second.kind)) == ("registration", "login")
