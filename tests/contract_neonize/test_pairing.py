"""How pairing goes, and how it does not: a login status is all that tells, connect() goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from contract_neonize.conftest import QUIET, devices
from wa_loopback import Failure, LoopbackError, PairFault, Refs
from wa_supervisor.session.shared import neonize_texts

if TYPE_CHECKING:
    from lab.bare import BareClient
    from loopback.conftest import Clients
    from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e


async def ends_as(client: BareClient, status: str) -> None:
    """Check that this login status is all that comes, and that connect() goes on for ever."""
    assert (await client.expect("login-status"))["status"] == status
    assert await client.silence(QUIET) == []
    assert client.events() == []
    assert client.process.returncode is None


async def test_a_pairing_is_told_in_order(clients: Clients) -> None:
    paired = await clients.pair()
    assert paired.client.events() == ["PairStatus", "Connected"]
    said = [line for line in paired.client.said if line["kind"] == "login-status"]
    assert [line["status"] for line in said] == ["success"]


# -- before a scan --------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [400, 401, 402, 403])
async def test_a_failure_while_a_qr_shows_is_the_status_err_unexpected_state(
    server: LoopbackServer, clients: Clients, reason: int
) -> None:
    client = await clients.start()
    await client.expect("qr")
    server.connections[-1].end(Failure(reason, code=101, expire=60))
    await ends_as(client, "err-unexpected-state")


async def test_405_while_a_qr_shows_is_the_status_err_client_outdated(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    await client.expect("qr")
    server.connections[-1].end(Failure(405))
    await ends_as(client, "err-client-outdated")


async def test_a_reset_while_a_qr_shows_is_the_status_timeout_and_not_redialled(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    await client.expect("qr")
    await server.connections[-1].drop()
    await ends_as(client, "timeout")
    assert server.dials == 1


async def test_no_qr_to_show_is_the_status_timeout_at_once(
    server: LoopbackServer, clients: Clients
) -> None:
    server.on_registration(Refs(0))
    await ends_as(await clients.start(), "timeout")


@pytest.mark.matrix
async def test_any_number_of_qrs_but_six_shows_each_for_20_s_and_then_the_status_is_timeout(
    server: LoopbackServer, clients: Clients
) -> None:
    server.on_registration(Refs(2))
    client = await clients.start()
    await client.expect("qr")
    began = time.monotonic()
    await client.expect("qr", within=60)
    assert time.monotonic() - began > neonize_texts.QR_LIFETIME - 1
    await client.expect("login-status", status="timeout", within=60)
    assert time.monotonic() - began > 2 * neonize_texts.QR_LIFETIME - 1


async def test_stream_error_515_while_a_qr_shows_is_redialled_and_shows_another(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    first = await client.expect("qr")
    await server.connections[-1].stream_error("515", close=False)
    assert (await client.expect("qr"))["payload"] != first["payload"]
    assert server.dials == 2


async def test_a_retired_secret_shows_the_same_qr_with_another_secret_and_that_one_pairs(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    before = (await client.expect("qr"))["payload"].split(",")
    server.connections[-1].rotate_secret()
    code = (await client.expect("qr"))["payload"]
    after = code.split(",")
    assert [old == new for old, new in zip(before, after, strict=True)] == [
        *(True, True, True),  # reference, Noise key, identity key
        False,  # the secret
        True,  # the client's type
    ]
    await server.phone().scan(code)
    await client.event("Connected")


async def test_a_passkey_that_is_asked_for_is_the_status_passkey_request(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    await client.expect("qr")
    server.connections[-1].ask_for_passkey()
    await ends_as(client, "passkey-request")


# -- the scan -------------------------------------------------------------------------------------


async def test_a_phone_without_multidevice_is_a_status_and_leaves_the_qr_good(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    code = (await client.expect("qr"))["payload"]
    with pytest.raises(LoopbackError):
        await server.phone(multidevice=False).scan(code)
    await client.expect("login-status", status="err-scanned-without-multidevice")
    await server.phone().scan(code)
    await client.event("Connected")


@pytest.mark.parametrize("fault", [PairFault.BAD_HMAC, PairFault.BAD_SIGNATURE])
async def test_a_forged_answer_is_the_status_error_and_stores_no_device(
    server: LoopbackServer, clients: Clients, fault: PairFault
) -> None:
    client = await clients.start()
    code = await client.expect("qr")
    with pytest.raises(LoopbackError):
        await server.phone().scan(code["payload"], fault=fault)
    await ends_as(client, "error")
    assert devices(client.database) == 0


@pytest.mark.parametrize("fault", [PairFault.NO_RESTART, PairFault.CLOSE_INSTEAD])
async def test_without_the_515_after_the_scan_there_is_silence_for_good(
    server: LoopbackServer, clients: Clients, fault: PairFault
) -> None:
    client = await clients.start()
    code = await client.expect("qr")
    await server.phone().scan(code["payload"], fault=fault)
    await client.event("PairStatus")
    assert await client.silence(2 * QUIET) == []
    assert (server.dials, server.logins) == (1, 0)


async def test_a_refused_dial_after_the_515_is_never_repeated(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    code = await client.expect("qr")
    server.proxy_status = 502
    await server.phone().scan(code["payload"])
    await client.event("PairStatus")
    assert await client.silence(2 * QUIET) == []
    server.proxy_status = None
    assert await client.silence(2 * QUIET) == []
    assert (server.dials, server.logins) == (2, 0)


# -- by code --------------------------------------------------------------------------------------


async def test_a_pair_code_is_given_from_within_the_qr_callback_and_pairs(
    server: LoopbackServer, clients: Clients
) -> None:
    phone = server.phone()
    client = await clients.start("--pair-code", phone.number)
    code = await client.expect("pair-code")
    await phone.enter_code(code["code"])
    await client.event("Connected")


async def test_a_refused_pair_code_names_429(server: LoopbackServer, clients: Clients) -> None:
    server.rate_limit_pair_codes = True
    client = await clients.start("--pair-code", server.phone().number)
    refused = await client.expect("pair-code-refused")
    assert "429" in refused["error"]
    assert "rate-overlimit" in refused["error"]
