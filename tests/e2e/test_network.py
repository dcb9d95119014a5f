"""The network and the server come and go; the session stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from e2e.harness import quick
from e2e.processes import until
from wa_loopback import Step
from wa_supervisor import State
from wa_supervisor.lifecycle.policy import Limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.harness import World
    from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e


def _refuse(server: LoopbackServer) -> None:
    server.refuse()


def _refuse_connect(server: LoopbackServer) -> None:
    server.proxy_status = 502


def _refuse_upgrade(server: LoopbackServer) -> None:
    server.upgrade_status = 503


def _mend(server: LoopbackServer) -> None:
    server.proxy_status = server.upgrade_status = None
    server.accept()


@pytest.mark.parametrize("refuse", [_refuse, _refuse_connect, _refuse_upgrade])
async def test_a_refused_first_dial_is_retried_until_it_is_accepted(
    world: World, refuse: Callable[[LoopbackServer], None]
) -> None:
    refuse(world.server)
    run = world.start()
    for retry in range(1, 4):
        failed = await run.reach("Backoff", reason="dial_failed")
        assert failed.retries == retry
    assert run.supervisor.status.detail
    _mend(world.server)
    await world.pair(run)
    assert set(run.states[:-2]) == {"Init", "Backoff"}


async def test_a_server_gone_for_five_seconds_is_one_change_of_state(world: World) -> None:
    run, connection = await world.paired()
    steps = len(run.taken)
    world.server.refuse()
    await connection.drop()
    await run.reach("Connected", substate="reconnecting")
    await asyncio.sleep(5)
    assert run.supervisor.status.substate == "reconnecting"
    world.server.accept()
    await run.reach("Connected", substate="online")
    assert [(step.fact, step.after, step.substate) for step in run.taken[steps:]] == [
        ("Disconnected", "Connected", "reconnecting"),
        ("Connected", "Connected", "online"),
    ]
    assert run.effects.count("StartChild") == 1


async def test_a_server_gone_for_too_long_costs_the_process_but_not_the_keys(world: World) -> None:
    run, connection = await world.paired(policy=quick(reconnect_timeout=1))
    world.server.refuse()
    await connection.drop()
    await run.reach("Backoff", reason="reconnect_timeout")
    await run.reach("Backoff", reason="dial_failed")
    world.server.accept()
    await run.reach("Connected")
    assert len(run.codes.shown) == 1


@pytest.mark.parametrize(
    "cut",
    [
        lambda connection: connection.drop(),
        lambda connection: connection.close(),
        lambda connection: connection.xmlstreamend(),
        lambda connection: connection.stream_error("503"),
        lambda connection: connection.stream_error("500"),
        lambda connection: connection.stream_error(conflict="device_removed"),
        lambda connection: connection.stream_error("401"),
    ],
    ids=["reset", "close", "xmlstreamend", "503", "500", "removed-without-401", "401-alone"],
)
async def test_a_cut_connection_is_mended_by_the_client_itself(world: World, cut: Any) -> None:
    run, connection = await world.paired()
    await cut(connection)
    await run.reach("Connected", substate="reconnecting")
    await run.reach("Connected", substate="online")
    assert run.states == ["Init", "Pairing", "Connected"]
    assert run.effects.count("StartChild") == 1


async def test_a_restart_asked_for_by_the_server_is_no_trouble(world: World) -> None:
    run, connection = await world.paired()
    device = connection.device
    assert device is not None
    await connection.stream_error("515")
    again = await world.server.wait_connected(device)
    assert again is not connection
    assert run.supervisor.status.state is State.CONNECTED
    assert run.effects.count("StartChild") == 1


async def test_a_connection_that_comes_and_goes_is_eased_off(world: World) -> None:
    policy = quick(flaps=Limit(count=2, window=600))
    run, connection = await world.paired(policy=policy)
    device = connection.device
    assert device is not None
    for _ in range(2):
        await connection.drop()
        await run.reach("Connected", substate="online")
        connection = await world.server.wait_connected(device)
    await connection.drop()
    await run.reach("Backoff", reason="flapping")
    await run.reach("Connected")
    assert run.effects.count("StartChild") == 2


# -- silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.CONNECT, Step.TLS, Step.UPGRADE, Step.HANDSHAKE])
async def test_a_stalled_dial_is_ended_by_our_clock(world: World, step: Step) -> None:
    world.server.stall(step)
    run = world.start(policy=quick(start_timeout=3))
    await until(lambda: world.server.dials > 0)
    await run.reach("Backoff", reason="start_timeout")
    world.server.accept()
    await world.pair(run)


async def test_a_server_that_offers_nothing_to_scan_is_ended_by_our_clock(world: World) -> None:
    world.server.stall(Step.PAIRING)
    run = world.start(policy=quick(start_timeout=3))
    await run.reach("Backoff", reason="start_timeout")
    world.server.accept()
    await world.pair(run)


async def test_missed_keepalives_degrade_a_session_until_they_are_answered(world: World) -> None:
    run, connection = await world.paired(endpoint=world.endpoint(keepalive=0.01))
    connection.mute()
    await run.reach("Connected", substate="degraded")
    connection.unmute()
    await run.reach("Connected", substate="online")
    assert run.effects.count("StartChild") == 1


async def test_keepalives_missed_for_too_long_cost_the_process_but_not_the_keys(
    world: World,
) -> None:
    endpoint, policy = world.endpoint(keepalive=0.005), quick(keepalive_timeout=0.3)
    run, connection = await world.paired(endpoint=endpoint, policy=policy)
    connection.mute()
    await run.reach("Connected", substate="degraded")
    await run.reach("Backoff", reason="keepalive_lost")
    await run.reach("Connected", substate="online")
    assert run.effects.count("StartChild") == 2
    assert len(run.codes.shown) == 1
