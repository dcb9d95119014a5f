"""From no keys to a linked device, and from dead keys to a fresh pairing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from e2e.harness import quick
from e2e.processes import until
from wa_loopback import PairFault, PairingRefused, Refs
from wa_supervisor import PairingSettings
from wa_supervisor.lifecycle.policy import Limit
from wa_supervisor.store.sqlite.device import is_paired

if TYPE_CHECKING:
    from e2e.harness import World
    from wa_supervisor import StepRecord

pytestmark = pytest.mark.e2e

NUMBER = "15550007777"
BY_CODE = PairingSettings(mode="code", phone=SecretStr(f"+{NUMBER}"), qr=[])


async def test_a_new_session_pairs_by_qr(world: World) -> None:
    run, _ = await world.paired()
    assert run.states == ["Init", "Pairing", "Connected"]
    assert run.effects == ["StartChild", "ShowQr", "HidePairing", "TakeSnapshot", "TakeSnapshot"]
    await until(lambda: run.codes.showing is None)
    outcome = await run.stop()
    assert outcome.state.value == "Stopped"
    assert is_paired(world.files().database)
    assert {"QR payload", "QR adv secret", "QR ref"} <= world.canary.kinds


async def test_a_new_session_pairs_by_code(world: World) -> None:
    phone = world.server.phone(NUMBER)
    run = world.start(pairing=BY_CODE)
    await run.reach("Pairing", effects=("ShowPairCode",))
    await phone.enter_code(await run.code())
    await run.reach("Connected")
    assert run.effects == [
        "StartChild",
        "ShowPairCode",
        "HidePairing",
        "TakeSnapshot",
        "TakeSnapshot",
    ]
    await until(lambda: run.codes.showing is None)
    await run.stop()
    assert is_paired(world.files().database)
    assert "pair code" in world.canary.kinds


async def test_a_restart_logs_in_with_the_kept_keys(world: World) -> None:
    run, _ = await world.paired()
    await run.stop()
    again = world.start()
    await again.reach("Connected")
    assert again.states == ["Init", "Connected"]
    assert again.effects == ["StartChild", "TakeSnapshot"]
    assert again.codes.shown == []


async def test_a_restart_asks_for_no_code_when_paired(world: World) -> None:
    run, _ = await world.paired()
    await run.stop()
    again = world.start(pairing=BY_CODE)
    await again.reach("Connected")
    assert again.codes.shown == []


@pytest.mark.parametrize("close", [False, True], ids=["left-open", "closed"])
async def test_an_unlinked_session_is_purged_and_paired_afresh(
    world: World, *, close: bool
) -> None:
    run, connection = await world.paired()
    old = connection.device
    assert old is not None
    files = world.files()
    gone: list[bool] = []

    def look(record: StepRecord) -> None:
        if record.fact == "PurgeDone":
            gone.append(not any(path.exists() for path in (files.database, *files.sidecars)))

    run.supervisor.on_record(look)
    if close:  # whatsmeow may see the close first, and be told 401 at its next login
        await old.phone.remove(old)
        await run.reach("LoggedOut")
    else:
        old.phone.revoke(old, by_phone=True)
        await connection.stream_error("401", conflict="device_removed", close=False)
        await run.reach("LoggedOut", reason="logged_out")
    await run.reach("Purging")
    await run.reach("Backoff", reason="purged")
    assert gone == [True]
    new = await world.pair(run)
    assert run.states[2:] == [
        "Connected",
        "LoggedOut",
        "Purging",
        "Backoff",
        "Init",
        "Pairing",
        "Connected",
    ]
    assert len(run.codes.shown) == 2
    assert new.noise_key != old.noise_key
    await run.stop()
    assert old.noise_key not in files.database.read_bytes()


async def test_an_operators_relink_logs_out_purges_and_pairs_afresh(world: World) -> None:
    run, connection = await world.paired()
    run.supervisor.relink()
    await run.reach("LoggedOut", reason="relink")
    await run.reach("Purging")
    await world.pair(run)
    assert connection.device is not None
    assert connection.device.revoked


# -- nobody scans ---------------------------------------------------------------------------------


async def test_no_qr_at_all_is_a_failed_attempt(world: World) -> None:
    world.server.on_registration(Refs(0))
    run = world.start()
    await run.reach("Backoff", reason="pairing_failed")
    await world.pair(run)


@pytest.mark.long
async def test_unused_qrs_replace_each_other_die_and_after_a_pause_a_fresh_one_comes(
    world: World,
) -> None:
    world.server.on_registration(Refs(2))  # 20 s each; WhatsApp's first of six lives for 60 s
    run = world.start(policy=quick(pairing_pause=0.5))
    await run.reach("Pairing")
    first = await run.code()
    await run.fact("QrOffered", within=40, after="Pairing", effects=("ShowQr",))
    await until(lambda: run.codes.showing not in {None, first})  # it is shown beside the loop
    expired = await run.reach("Backoff", reason="pairing_expired", within=40)
    await until(lambda: run.codes.showing is None)
    assert expired.retries == 0
    await world.pair(run)
    assert len(run.codes.shown) == 3


async def test_our_own_clock_ends_a_pairing_window_and_their_number_is_limited(
    world: World,
) -> None:
    policy = quick(pairing_window=1, pairing_pause=0.2, windows=Limit(count=2, window=3600))
    run = world.start(policy=policy)
    await run.reach("Backoff", reason="pairing_expired")
    await until(lambda: run.codes.showing is None)
    await run.reach("Pairing")
    await run.reach("GaveUp", reason="pairing_expired")
    await until(lambda: run.codes.showing is None)
    assert len(run.codes.shown) == 2
    run.supervisor.resume()
    await world.pair(run)


# -- it goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [PairFault.NO_RESTART, PairFault.CLOSE_INSTEAD])
async def test_silence_after_the_scan_is_ended_and_the_keys_log_in(
    world: World, fault: PairFault
) -> None:
    run = world.start(policy=quick(link_timeout=1))
    await run.reach("Pairing")
    await world.server.phone().scan(await run.code(), fault=fault)
    await run.fact("PairSucceeded")
    await until(lambda: run.codes.showing is None)
    await run.reach("Backoff", reason="link_timeout")
    await run.reach("Connected")
    assert len(run.codes.shown) == 1


@pytest.mark.parametrize("fault", [PairFault.BAD_HMAC, PairFault.BAD_SIGNATURE])
async def test_a_forged_pairing_is_refused_and_a_fresh_qr_comes(
    world: World, fault: PairFault
) -> None:
    run = world.start()
    await run.reach("Pairing")
    with pytest.raises(PairingRefused):
        await world.server.phone().scan(await run.code(), fault=fault)
    await run.reach("Backoff", reason="pairing_failed")
    await world.pair(run)


async def test_a_phone_without_multidevice_leaves_the_qr_to_the_next(world: World) -> None:
    run = world.start()
    await run.reach("Pairing")
    with pytest.raises(PairingRefused):
        await world.server.phone(multidevice=False).scan(await run.code())
    await run.fact("ScannedWithoutMultidevice", after="Pairing", effects=("Notify",))
    await world.server.phone().scan(await run.code())
    await run.reach("Connected")


async def test_a_pair_code_limit_is_waited_out(world: World) -> None:
    world.server.rate_limit_pair_codes = True
    phone = world.server.phone(NUMBER)
    run = world.start(pairing=BY_CODE, policy=quick(code_limit_wait=1))
    waits = await run.reach("Backoff", reason="pair_code_limited")
    assert waits.not_before is not None
    assert 0.9 < (waits.not_before - waits.ts).total_seconds() <= 1
    world.server.rate_limit_pair_codes = False
    await run.reach("Pairing", effects=("ShowPairCode",))
    await phone.enter_code(await run.code())
    await run.reach("Connected")


async def test_by_default_a_pair_code_limit_costs_a_quarter_of_an_hour(world: World) -> None:
    world.server.rate_limit_pair_codes = True
    run = world.start(pairing=BY_CODE)
    waits = await run.reach("Backoff", reason="pair_code_limited")
    assert waits.not_before is not None
    assert (waits.not_before - waits.ts).total_seconds() > 890
