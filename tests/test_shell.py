"""The loop around the core, and what it has done, with the session process and time played."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from wa_supervisor import (
    Backoff,
    PairingSettings,
    Policy,
    Reason,
    Settings,
    State,
    facts,
)
from wa_supervisor.testing import FakeSession, PlayedLink

if TYPE_CHECKING:
    from wa_supervisor import Endpoint, Step

SLOW = Policy(backoff=Backoff(base=600.0, cap=600.0, jitter=0))


class Watched(PlayedLink):
    """A network that is away, and how often it was looked for."""

    looks = 0

    async def reachable(self, endpoint: Endpoint) -> bool:
        del endpoint
        self.looks += 1
        return False


def steps_of(session: FakeSession) -> list[Step]:
    steps: list[Step] = []
    session.on_step(steps.append)
    return steps


async def test_a_flood_of_facts_keeps_no_clock_from_ringing() -> None:
    session = FakeSession()
    rung = asyncio.Event()

    def flood(step: Step) -> None:
        if isinstance(step.fact, facts.ReconnectTimedOut):
            rung.set()
        if not rung.is_set() and step.after is State.CONNECTED:
            session.played.say(facts.BotFree)

    async with session:
        await session.wait_for(State.CONNECTED, timeout=10)
        await session.hear(facts.Disconnected)
        session.on_step(flood)
        session.played.say(facts.BotFree)
        session.clock.move_to(session.clock.time() + 1000)
        async with asyncio.timeout(10):
            await rung.wait()


async def test_a_relink_before_the_run_starts_no_client_on_keys_that_are_to_go() -> None:
    session = FakeSession()
    session.relink()
    async with session:
        await session.settle()
        assert session.store.keys.purged == ["relink"]
        assert [spec.paired for spec in session.played.specs] == [False]


async def test_the_network_is_looked_for_while_waiting_for_it_and_no_longer() -> None:
    link = Watched()
    session = FakeSession(Settings(policy=SLOW), link=link)
    async with session:
        await session.hear(facts.DialFailed, "refused")
        await session.advance(60)
        assert session.status.state is State.BACKOFF
        looks = link.looks
        assert looks > 1
        session.resume()
        await session.advance(60)
        await session.wait_for(State.CONNECTED, timeout=1)
        assert link.looks <= looks + 1


async def test_a_run_that_is_cancelled_leaves_nothing_running() -> None:
    session = FakeSession(Settings(policy=SLOW), link=Watched())
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0)
    await session.hear(facts.DialFailed, "refused")
    await session.advance(60)
    running.cancel()
    await asyncio.wait({running}, timeout=10)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("paired", [True, False])
async def test_a_pair_code_is_asked_for_only_where_there_are_no_keys(*, paired: bool) -> None:
    pairing = PairingSettings(mode="code", phone=SecretStr("+15550001111"), qr=[])
    session = FakeSession(Settings(pairing=pairing), connects=paired)
    async with session:
        await session.settle()
        assert [spec.phone is not None for spec in session.played.specs] == [not paired]


async def test_keys_that_are_gone_are_put_back_once_as_if_they_had_been_rejected() -> None:
    session = FakeSession()
    steps = steps_of(session)
    async with session:
        await session.wait_for(State.CONNECTED, timeout=10)
        session.store.keys.paired = False  # whatsmeow deleted them, and died before it said so
        session.played.exit(2)
        await session.advance(600)
        assert session.status.state is State.CONNECTED
        assert Reason.LOGIN_REJECTED in {step.reason for step in steps}
        assert [spec.generation for spec in session.played.specs] == [1, 3]
        assert session.store.keys.purged == []


async def test_what_a_defect_kept_from_being_done_is_answered_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = FakeSession()
    steps = steps_of(session)

    def broken(reason: str) -> None:
        raise KeyError(reason)

    monkeypatch.setattr(session.store.keys, "purge", broken)
    async with session:
        await session.wait_for(State.CONNECTED, timeout=10)
        session.log_out()
        await session.settle()
        assert session.status.reason is Reason.PURGE_FAILED
        assert any(isinstance(step.fact, facts.PurgeFailed) for step in steps)
