from __future__ import annotations

import pytest

from loopback.conftest import Clients
from wa_loopback import Failure, LoopbackServer, Silence, StreamError, Success
from wa_loopback.observations import Closed, LoginAnswered, Overlap

pytestmark = pytest.mark.e2e


async def test_a_client_which_is_killed_logs_in_again(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    paired.client.process.kill()
    await paired.client.exit()
    again = await clients.start()
    await again.event("Connected")
    assert (await server.wait_connected(paired.device)).device is paired.device
    assert server.logins == 2


async def test_a_second_login_of_a_device_replaces_the_first(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    again = await clients.start()
    await again.event("Connected")
    await paired.client.event("StreamReplaced")
    assert server.overlaps == (Overlap(paired.device),)
    await paired.connection.wait_closed()
    assert [each.device for each in server.connections] == [paired.device]


async def test_two_sockets_of_a_device_can_be_left_open(
    server: LoopbackServer, clients: Clients
) -> None:
    server.replace_older = False
    paired = await clients.pair()
    again = await clients.start()
    await again.event("Connected")
    assert len(server.overlaps) == 1
    assert len(server.connections_of(paired.device)) == 2


async def test_a_device_of_another_server_gets_401(clients: Clients) -> None:
    paired = await clients.pair()
    paired.client.process.kill()
    await paired.client.exit()
    clients.server.devices.clear()
    again = await clients.start()
    assert await again.event("LoggedOut") == {"OnConnect": True, "Reason": "LOGGED_OUT"}
    assert LoginAnswered(None, Failure(401)) in clients.server.log


async def test_a_scripted_401_does_not_unlink(server: LoopbackServer, clients: Clients) -> None:
    paired = await clients.pair()
    copy = paired.client.database.read_bytes()
    server.on_login(Failure(401))
    await paired.connection.drop()
    await paired.client.event("LoggedOut")
    paired.client.process.kill()
    await paired.client.exit()
    paired.client.database.write_bytes(copy)
    again = await clients.start()
    await again.event("Connected")


async def test_a_503_is_retried_without_an_event_of_its_own(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    server.on_login(Failure(503))
    server.on_login(Success())
    await paired.connection.drop()
    await paired.client.event("Disconnected")
    await paired.client.event("Connected")
    assert [each.answer for each in server.log if isinstance(each, LoginAnswered)] == [
        Success(),
        Failure(503),
        Success(),
    ]


@pytest.mark.parametrize("answer", [Failure(503, close=False), Silence()])
async def test_an_unanswered_login_hangs_in_silence(
    server: LoopbackServer, clients: Clients, answer: Failure | Silence
) -> None:
    paired = await clients.pair()
    server.on_login(answer)
    await paired.connection.drop()
    await paired.client.event("Disconnected")
    assert await paired.client.silence(0.7) == []
    (hanging,) = server.connections
    assert not hanging.ready
    await hanging.close()
    await paired.client.event("Connected")


async def test_unanswered_requests_keep_a_client_from_being_connected(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    server.answer_iqs = False
    await paired.connection.drop()
    await paired.client.event("Disconnected")
    assert await paired.client.silence(0.7) == []
    assert server.logins == 2


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Failure(405), "err-client-outdated"),
        (Failure(401), "err-unexpected-state"),
        (Failure(402, code=101, expire=60), "err-unexpected-state"),
        (Failure(503), "timeout"),
    ],
)
async def test_a_failed_registration_is_only_a_login_status(
    server: LoopbackServer, clients: Clients, answer: Failure, status: str
) -> None:
    server.on_registration(answer)
    client = await clients.start()
    await client.expect("login-status", status=status)
    assert client.events() == []


async def test_a_registration_is_restarted_by_515(server: LoopbackServer, clients: Clients) -> None:
    server.on_registration(StreamError("515"))
    client = await clients.start()
    qr = await client.expect("qr")
    await server.phone().scan(qr["payload"])
    await client.event("Connected")
    assert server.dials == 3


async def test_a_silent_registration_shows_no_code(
    server: LoopbackServer, clients: Clients
) -> None:
    server.on_registration(Silence())
    client = await clients.start()
    await server.next_connection()
    assert await client.silence(0.7) == []


async def test_who_closed_is_recorded(server: LoopbackServer, clients: Clients) -> None:
    paired = await clients.pair()
    await paired.connection.close()
    again = await server.wait_connected(paired.device)
    paired.client.tell("stop")
    await again.wait_closed()
    logins = [each for each in server.log if isinstance(each, Closed)][1:]
    assert [each.by_client for each in logins] == [False, True]
