from __future__ import annotations

import pytest
from pydantic import SecretStr

from loopback.conftest import Clients
from wa_loopback import (
    ExpiredRef,
    LoopbackServer,
    PairFault,
    PairingRefused,
    Refs,
    UnknownNumber,
    UnknownRef,
    WrongCode,
)

NUMBER = "15550001111"
KEYS = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=," * 3


@pytest.mark.parametrize(
    "qr", ["", "ref", "ref,a,b", f"ref,{KEYS}1", "https://wa.me/#ref,?,?,?,1", "ref,A,A,A,1"]
)
async def test_a_code_nobody_showed_is_unknown(server: LoopbackServer, qr: str) -> None:
    with pytest.raises(UnknownRef):
        await server.phone().scan(qr)


async def test_a_pair_code_nobody_asked_for_is_refused(server: LoopbackServer) -> None:
    with pytest.raises(UnknownNumber):
        await server.phone().enter_code("ABCD-1234")


async def test_a_phone_does_not_show_its_number(server: LoopbackServer) -> None:
    assert NUMBER not in repr(server.phone(NUMBER))


@pytest.mark.e2e
class TestWithNeonize:
    async def test_a_scanned_client_is_connected(
        self, server: LoopbackServer, clients: Clients
    ) -> None:
        client = await clients.start()
        qr = SecretStr((await client.expect("qr"))["payload"])
        phone = server.phone(NUMBER)
        device = await phone.scan(qr)
        await client.expect("login-status", status="success")
        pair_status = await client.event("PairStatus")
        assert pair_status["ID"]["User"] == NUMBER
        await client.event("Connected")
        assert (await server.wait_connected(phone)).device is device
        assert phone.devices == (device,)

    async def test_a_code_is_scanned_once(self, server: LoopbackServer, clients: Clients) -> None:
        client = await clients.start()
        qr = await client.expect("qr")
        await server.phone().scan(qr["payload"])
        with pytest.raises(ExpiredRef):
            await server.phone().scan(qr["payload"])

    async def test_the_code_of_a_client_which_is_gone_is_expired(
        self, server: LoopbackServer, clients: Clients
    ) -> None:
        client = await clients.start()
        qr = await client.expect("qr")
        client.process.kill()
        await client.exit()
        await (await server.next_connection()).wait_closed()
        with pytest.raises(ExpiredRef):
            await server.phone().scan(qr["payload"])

    @pytest.mark.parametrize(
        ("fault", "text"),
        [
            (PairFault.BAD_HMAC, "401 hmac-mismatch"),
            (PairFault.BAD_SIGNATURE, "401 signature-mismatch"),
        ],
    )
    async def test_a_client_refuses_a_forged_identity(
        self, server: LoopbackServer, clients: Clients, fault: PairFault, text: str
    ) -> None:
        client = await clients.start()
        qr = await client.expect("qr")
        with pytest.raises(PairingRefused, match=text):
            await server.phone().scan(qr["payload"], fault=fault)
        await client.expect("login-status", status="error")
        assert "PairStatus" not in client.events()

    @pytest.mark.parametrize("fault", [PairFault.NO_RESTART, PairFault.CLOSE_INSTEAD])
    async def test_without_the_restart_a_paired_client_hangs_until_it_is_started_again(
        self, server: LoopbackServer, clients: Clients, fault: PairFault
    ) -> None:
        client = await clients.start()
        qr = await client.expect("qr")
        device = await server.phone().scan(qr["payload"], fault=fault)
        await client.event("PairStatus")
        assert await client.silence(0.7) == []
        client.process.kill()
        await client.exit()
        again = await clients.start()
        await again.event("Connected")
        assert (await server.wait_connected(device)).device is device
        assert server.overlaps == ()

    async def test_a_phone_without_multi_device_downgrades_the_client(
        self, server: LoopbackServer, clients: Clients
    ) -> None:
        client = await clients.start()
        qr = await client.expect("qr")
        with pytest.raises(PairingRefused):
            await server.phone(multidevice=False).scan(qr["payload"])
        await client.expect("login-status", status="err-scanned-without-multidevice")
        await server.phone().scan(qr["payload"])
        await client.event("Connected")

    async def test_a_pair_code_links_like_a_scan(
        self, server: LoopbackServer, clients: Clients
    ) -> None:
        client = await clients.start("--pair-code", NUMBER)
        code = await client.expect("pair-code")
        device = await server.phone(NUMBER).enter_code(SecretStr(code["code"]))
        await client.expect("login-status", status="success")
        await client.event("Connected")
        assert (await server.wait_connected(device)).device is device

    async def test_a_wrong_pair_code_is_refused_and_the_right_one_still_works(
        self, server: LoopbackServer, clients: Clients
    ) -> None:
        client = await clients.start("--pair-code", NUMBER)
        code = await client.expect("pair-code")
        with pytest.raises(WrongCode):
            await server.phone(NUMBER).enter_code("ABCD-1234")
        with pytest.raises(UnknownNumber):
            await server.phone("15550002222").enter_code("ABCD-1234")
        await server.phone(NUMBER).enter_code(code["code"])
        await client.event("Connected")

    async def test_pair_codes_can_be_rate_limited(
        self, server: LoopbackServer, clients: Clients
    ) -> None:
        server.rate_limit_pair_codes = True
        client = await clients.start("--pair-code", NUMBER)
        refused = await client.expect("pair-code-refused")
        assert "429: rate-overlimit" in refused["error"]

    async def test_an_unlinked_device_is_logged_out_and_never_let_in_again(
        self, clients: Clients
    ) -> None:
        paired = await clients.pair()
        copy = paired.client.database.read_bytes()
        await paired.phone.remove(paired.device)
        logged_out = await paired.client.event("LoggedOut")
        assert logged_out == {"OnConnect": False, "Reason": "LOGGED_OUT"}
        assert paired.phone.devices == ()
        paired.client.process.kill()
        await paired.client.exit()
        paired.client.database.write_bytes(copy)
        again = await clients.start()
        assert await again.event("LoggedOut") == {"OnConnect": True, "Reason": "LOGGED_OUT"}

    async def test_the_client_can_log_itself_out(self, clients: Clients) -> None:
        paired = await clients.pair()
        paired.client.tell("logout")
        await paired.client.expect("done", word="logout")
        await paired.connection.wait_closed()
        assert paired.device.revoked
        assert paired.phone.devices == ()

    async def test_one_account_links_several_devices(self, clients: Clients) -> None:
        first = await clients.pair()
        first.client.process.kill()
        await first.client.exit()
        first.client.database.unlink()
        client = await clients.start()
        qr = await client.expect("qr")
        device = await first.phone.scan(qr["payload"])
        await client.event("Connected")
        assert first.phone.devices == (first.device, device)
        assert (first.device.index, device.index) == (1, 2)

    @pytest.mark.parametrize("count", [0, 1])
    async def test_the_codes_run_out(
        self, server: LoopbackServer, clients: Clients, count: int
    ) -> None:
        server.on_registration(Refs(count))
        client = await clients.start()
        if count:
            await client.expect("qr")
            assert await client.silence(0.5) == []  # whatsmeow shows a lone code for 20 s
        else:
            await client.expect("login-status", status="timeout")
        assert client.process.returncode is None
