"""A stop is over within 5 s in every state, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from e2e.runs import STOP_BOUND
from wa_loopback import Failure, PairFault, Silence, Step
from wa_supervisor import State
from wa_supervisor.store import CredentialKeeper
from wa_supervisor.store.sqlite.device import is_paired

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from e2e.harness import World
    from e2e.runs import Steps

    Way = Callable[[World, Steps], Awaitable[object]]

pytestmark = pytest.mark.e2e

UNDER_WAY = 0.2
"""Seconds after which what was begun is under way."""


async def _dialling(world: World, _: Steps) -> None:
    await until(lambda: world.server.dials > 0, 30)
    await asyncio.sleep(UNDER_WAY)


async def _pairing(_: World, run: Steps) -> None:
    await run.reach("Pairing")
    await run.code()


async def _linking(world: World, run: Steps) -> None:
    await run.reach("Pairing")
    await world.server.phone().scan(await run.code(), fault=PairFault.NO_RESTART)
    await run.fact("PairSucceeded")


async def _logging_in(world: World, run: Steps) -> None:
    await world.pair(run)
    world.server.on_login(Silence())
    run.kill()
    await run.reach("Init")
    await asyncio.sleep(2 * UNDER_WAY)


async def _connected(world: World, run: Steps) -> None:
    await world.connected(run)


async def _reconnecting(world: World, run: Steps) -> None:
    _, connection = await world.connected(run)
    world.server.refuse()
    await connection.drop()
    await run.reach("Connected", substate="reconnecting")


async def _redialling(world: World, run: Steps) -> None:
    _, connection = await world.connected(run)
    world.server.stall(Step.TLS)
    dials = world.server.dials
    await connection.drop()
    await run.reach("Connected", substate="reconnecting")
    await until(lambda: world.server.dials > dials)


async def _replaced(world: World, run: Steps) -> None:
    _, connection = await world.connected(run)
    await connection.stream_error(conflict="replaced", close=False)
    await run.reach("Backoff")


async def _resting(world: World, run: Steps) -> None:
    await _replaced(world, run)
    await until(lambda: run.pid is None)


async def _unlinked(world: World, run: Steps) -> None:
    _, connection = await world.connected(run)
    await connection.stream_error("401", conflict="device_removed", close=False)


async def _logged_out(world: World, run: Steps) -> None:
    await _unlinked(world, run)
    await run.reach("LoggedOut")


async def _gave_up(world: World, run: Steps) -> None:
    await world.pair(run)
    world.server.on_login(Failure(405, close=False))
    run.kill()
    await run.reach("GaveUp")


STATES: dict[str, tuple[str, Way]] = {
    "dial": ("Init", _dialling),
    "handshake": ("Init", _dialling),
    "login": ("Init", _logging_in),
    "pairing": ("Pairing", _pairing),
    "linking": ("Pairing", _linking),
    "connected": ("Connected", _connected),
    "reconnecting": ("Connected", _reconnecting),
    "redialling": ("Connected", _redialling),
    "backoff": ("Backoff", _resting),
    "logged-out": ("LoggedOut", _logged_out),
    "gave-up": ("GaveUp", _gave_up),
}
STALLS = {"dial": Step.CONNECT, "handshake": Step.HANDSHAKE}

# Keeps the client, and so LoggedOut, alive until the stop ladder's second rung.
SLOW = """
leave = os._exit
os._exit = lambda code: (time.sleep(10), leave(code))
"""


# One handler serves both signals: each is sent in every other state.
@pytest.mark.parametrize(
    ("name", "number"),
    [*zip(STATES, itertools.cycle([signal.SIGINT, signal.SIGTERM]), strict=False)],
)
async def test_a_signal_stops_the_command(world: World, name: str, number: signal.Signals) -> None:
    state, reach = STATES[name]
    if name in STALLS:
        world.server.stall(STALLS[name])
    bot = ["--bot", world.bot(SLOW)] if name == "logged-out" else []
    command = world.command(*bot)
    await reach(world, command)
    await command.stop(number)
    last = command.records[-1]
    stopped = next(record for record in command.records if record.fact == "Stop")
    assert (stopped.before, stopped.after) == (state, "Stopped")
    assert (last.after, last.reason) == ("Stopped", "stopped")
    assert "Traceback" not in command.stderr


async def test_a_stop_before_the_first_step_is_heeded(world: World) -> None:
    run = world.start()
    assert (await run.stop()).state is State.STOPPED


async def test_a_stop_while_the_client_is_being_started_is_heeded(world: World) -> None:
    run = world.start()
    await run.reach("Init")
    assert (await run.stop()).state is State.STOPPED


async def test_a_stop_of_a_degraded_session_is_heeded(world: World) -> None:
    run, connection = await world.paired(endpoint=world.endpoint(keepalive=0.01))
    connection.mute()
    await run.reach("Connected", substate="degraded")
    assert (await run.stop()).state is State.STOPPED


async def test_a_stop_of_a_client_that_is_ending_already_is_heeded(world: World) -> None:
    run = world.start(bot=world.bot(SLOW))
    await _replaced(world, run)
    assert run.pid is not None
    await run.stop()
    assert run.states[-2:] == ["Backoff", "Stopped"]


async def test_a_stop_waits_for_a_purge_that_has_begun(world: World) -> None:
    purge = CredentialKeeper.purge

    def slowly(keeper: CredentialKeeper, reason: str) -> None:
        time.sleep(1)
        purge(keeper, reason)

    world.monkeypatch.setattr(CredentialKeeper, "purge", slowly)
    run = world.start()
    await _unlinked(world, run)
    await run.reach("Purging")
    await run.stop()
    assert run.states[-2:] == ["Purging", "Stopped"]
    assert not world.files().database.exists()


async def test_a_stop_keeps_the_session(world: World) -> None:
    run, _ = await world.paired()
    await run.stop()
    assert is_paired(world.files().database)
    assert "PurgeSession" not in run.effects


async def test_two_stops_are_one(world: World) -> None:
    run, _ = await world.paired()
    run.supervisor.stop()
    await run.stop()
    run.supervisor.stop()
    assert run.states[-1] == "Stopped"


async def test_impatient_signals_change_nothing(world: World) -> None:
    command = world.command("--bot", world.bot(SLOW))
    await _logged_out(world, command)

    async def insist() -> None:
        while not command.task.done():
            with contextlib.suppress(ProcessLookupError):
                command.send(signal.SIGINT)
            await asyncio.sleep(0.01)

    insisting = asyncio.create_task(insist())
    assert await command.exit(within=STOP_BOUND) == 0
    await insisting
    assert "Traceback" not in command.stderr
