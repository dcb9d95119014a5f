"""Which events neonize gives for what the server does, who redials, and what is deleted.

The design stands on these. When one fails on a new neonize, its name says what has changed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from contract_neonize.conftest import QUIET, devices
from wa_loopback import Failure, Impostor, StreamError
from wa_loopback.observations import Dialled

if TYPE_CHECKING:
    from loopback.conftest import Clients, Paired
    from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e


async def told(paired: Paired, *names: str) -> dict[str, Any]:
    """Read exactly these events, and return the last one's fields."""
    before = len(paired.client.events())
    fields = {}
    for name in names:
        fields = await paired.client.event(name)
    assert paired.client.events()[before:] == list(names)
    return fields


async def relogin(clients: Clients, failure: Failure) -> Paired:
    """Pair, and have the next login answered so."""
    paired = await clients.pair()
    clients.server.on_login(failure)
    await paired.connection.drop()
    await paired.client.event("Disconnected")
    return paired


# -- the end of a session -------------------------------------------------------------------------


async def test_401_with_device_removed_is_logged_out_deletes_the_device_and_redials_nothing(
    clients: Clients,
) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error("401", conflict="device_removed", close=False)
    fields = await told(paired, "LoggedOut")
    assert fields == {"OnConnect": False, "Reason": "LOGGED_OUT"}
    dials = clients.server.dials
    assert await paired.client.silence(QUIET) == []
    assert clients.server.dials == dials
    assert devices(paired.client.database) == 0


@pytest.mark.parametrize(
    "ending", [StreamError("401"), StreamError(conflict="device_removed")], ids=["code", "conflict"]
)
async def test_either_half_of_device_removed_is_a_stream_error_and_redialled(
    clients: Clients, ending: StreamError
) -> None:
    paired = await clients.pair()
    await paired.connection.finish_with(ending)
    await told(paired, "StreamError", "Disconnected", "Connected")
    assert devices(paired.client.database) == 1


async def test_conflict_replaced_is_stream_replaced_and_redials_nothing(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error(conflict="replaced", close=False)
    await told(paired, "StreamReplaced")
    dials = clients.server.dials
    assert await paired.client.silence(QUIET) == []
    assert clients.server.dials == dials
    assert devices(paired.client.database) == 1


@pytest.mark.parametrize(
    ("code", "reason"), [(401, "LOGGED_OUT"), (403, "MAIN_DEVICE_GONE"), (406, "UNKNOWN_LOGOUT")]
)
async def test_failures_401_403_406_are_logged_out_on_connect_and_delete_the_device(
    clients: Clients, code: int, reason: str
) -> None:
    paired = await relogin(clients, Failure(code))
    assert await told(paired, "LoggedOut") == {"OnConnect": True, "Reason": reason}
    assert await paired.client.silence(QUIET) == []
    assert devices(paired.client.database) == 0


async def test_failure_402_is_a_temporary_ban_with_its_seconds_and_keeps_the_device(
    clients: Clients,
) -> None:
    paired = await relogin(clients, Failure(402, code=101, expire=3600))
    fields = await told(paired, "TemporaryBan")
    assert fields == {"Code": "SEND_TO_TOO_MANY_PEOPLE", "Expire": "3600"}
    assert devices(paired.client.database) == 1


async def test_an_unknown_ban_cannot_be_encoded_and_ends_connect(clients: Clients) -> None:
    paired = await relogin(clients, Failure(402, code=105, expire=3600))
    raised = await paired.client.expect("raised")
    assert "TemporaryBan.Code" in raised["error"]


async def test_an_unknown_failure_cannot_be_encoded_and_ends_connect(clients: Clients) -> None:
    paired = await relogin(clients, Failure(418))
    raised = await paired.client.expect("raised")
    assert "ConnectFailure.Reason" in raised["error"]


async def test_failure_405_is_client_outdated(clients: Clients) -> None:
    paired = await relogin(clients, Failure(405))
    await told(paired, "ClientOutdated")
    assert await paired.client.silence(QUIET) == []


@pytest.mark.parametrize(
    ("code", "reason"), [(400, "GENERIC"), (409, "BAD_USER_AGENT"), (501, "EXPERIMENTAL")]
)
async def test_failures_400_409_501_are_connect_failures_and_redial_nothing(
    clients: Clients, code: int, reason: str
) -> None:
    paired = await relogin(clients, Failure(code))
    assert (await told(paired, "ConnectFailure"))["Reason"] == reason
    assert await paired.client.silence(QUIET) == []
    assert devices(paired.client.database) == 1


@pytest.mark.parametrize("code", [500, 503])
async def test_failures_500_503_are_a_disconnection_and_redialled(
    clients: Clients, code: int
) -> None:
    paired = await relogin(clients, Failure(code))
    await told(paired, "Disconnected", "Connected")


async def test_failure_503_with_the_socket_left_open_is_silence_for_good(clients: Clients) -> None:
    paired = await relogin(clients, Failure(503, close=False))
    assert await paired.client.silence(2 * QUIET) == []


async def test_failure_413_panics_and_aborts_the_process(clients: Clients) -> None:
    paired = await relogin(clients, Failure(413))
    assert await paired.client.exit() == -6


# -- the connection drops -------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["500", "516"])
async def test_an_unknown_stream_error_is_told_and_redialled_once_closed(
    clients: Clients, code: str
) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error(code)
    await told(paired, "StreamError", "Disconnected", "Connected")


async def test_stream_error_503_is_only_a_disconnection(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error("503")
    await told(paired, "Disconnected", "Connected")


async def test_stream_error_515_is_a_reconnection_without_a_disconnection(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.stream_error("515")
    await told(paired, "Connected")


async def test_a_reset_is_redialled_at_once(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.drop()
    await told(paired, "Disconnected", "Connected")


async def test_a_missed_keepalive_is_told_and_its_return_too(clients: Clients) -> None:
    paired = await clients.pair("--keepalive-scale", "0.01")
    paired.connection.mute()
    assert (await told(paired, "KeepAliveTimeout"))["ErrorCount"] == "1"
    paired.connection.unmute()
    await paired.client.event("KeepAliveRestored")


async def test_a_mute_server_is_left_after_180_s_without_a_disconnection(clients: Clients) -> None:
    paired = await clients.pair("--keepalive-scale", "0.01")
    paired.connection.mute()
    await paired.client.event("Connected", within=10)
    assert "Disconnected" not in paired.client.events()


async def test_a_first_dial_that_is_refused_raises_and_is_not_repeated(
    server: LoopbackServer, clients: Clients
) -> None:
    server.proxy_status = 502
    client = await clients.start()
    raised = await client.expect("raised")
    assert "failed to dial whatsapp web websocket" in raised["error"]
    assert server.dials == 1


async def test_a_server_that_is_not_whatsapp_raises_noise_handshake_failed(
    server: LoopbackServer, clients: Clients
) -> None:
    server.impostor = Impostor.NOISE_ROOT
    client = await clients.start()
    raised = await client.expect("raised")
    assert "noise handshake failed: failed to verify server cert" in raised["error"]


@pytest.mark.long
async def test_redials_wait_two_seconds_longer_each_time_and_say_nothing(
    clients: Clients,
) -> None:
    paired = await clients.pair()
    server = clients.server
    server.proxy_status = 502
    await paired.connection.drop()
    refused: list[float] = []
    async with asyncio.timeout(20):
        while len(refused) < 3:
            await asyncio.sleep(0.05)
            dials = (seen for seen in server.log if isinstance(seen, Dialled))
            refused = [dial.at for dial in dials if dial.status == 502]
    first, second, third = refused
    assert second - first > 1.9
    assert third - second > 3.9
    server.proxy_status = None
    await told(paired, "Disconnected", "Connected")


# -- what does not end ----------------------------------------------------------------------------


async def test_stop_ends_connect_when_paired(clients: Clients) -> None:
    paired = await clients.pair()
    paired.client.tell("stop")
    await paired.client.expect("returned", within=3)


async def test_stop_does_not_end_connect_while_a_qr_shows(clients: Clients) -> None:
    client = await clients.start()
    await client.expect("qr")
    client.tell("stop")
    await client.expect("done", word="stop")
    assert await client.silence(2 * QUIET) == []
    assert client.process.returncode is None


async def test_disconnect_does_not_end_connect_and_redials_nothing(clients: Clients) -> None:
    paired = await clients.pair()
    dials = clients.server.dials
    paired.client.tell("disconnect")
    await paired.client.expect("done", word="disconnect")
    assert await paired.client.silence(QUIET) == []
    assert clients.server.dials == dials


async def test_logout_deletes_the_device_and_says_nothing(clients: Clients) -> None:
    paired = await clients.pair()
    paired.client.tell("logout")
    await paired.client.expect("done", word="logout")
    assert "LoggedOut" not in paired.client.events()
    assert devices(paired.client.database) == 0


async def test_a_stanza_without_an_id_panics_and_aborts_the_process(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.panic()
    assert await paired.client.exit() == -6
