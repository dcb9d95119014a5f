"""Many sessions in one program, on the real client: what they share, and what none may touch."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import until
from e2e.runs import Codes
from wa_loopback import Failure
from wa_supervisor import LockHeld, Misused, Reason, Sessions, State, TooManySessions
from wa_supervisor.multi import sessions as module
from wa_supervisor.multi.dials import Pace
from wa_supervisor.multi.room import Limit, check_room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.harness import World
    from wa_supervisor import Step, Supervisor

pytestmark = pytest.mark.e2e

NAMES = ("a", "b", "c")
QUICKLY = Pace(at_once=4, apart=0.02)


def children(world: World, sessions: Sessions) -> tuple[list[int], list[int]]:
    """The session processes and the fork servers that live."""
    found = [each.status.client for each in sessions.values()]
    clients = [client.pid for client in found if client is not None]
    return clients, [pid for pid in world.started() if pid not in clients]


def is_begun_anew(session: Supervisor, generation: int) -> bool:
    return session.status.generation > generation


def note(said: list[tuple[str, str]], name: str, step: Step) -> None:
    said.append((name, step.fact.name))


async def pair(world: World, sessions: Sessions, name: str, **settings: Any) -> Supervisor:
    """Add a session, and have a phone scan what it shows."""
    codes = Codes(world.canary)
    session = await sessions.add(world.settings(session=name, **settings), sinks=[codes])
    await until(lambda: codes.showing is not None, 30)
    assert codes.showing is not None
    await world.server.phone().scan(codes.showing.get_secret_value())
    await session.wait_for(State.CONNECTED, substate="online", timeout=30)
    return session


@pytest.fixture
async def paired(world: World) -> AsyncIterator[Sessions]:
    async with Sessions(pace=QUICKLY) as sessions:
        for name in NAMES:
            await pair(world, sessions, name)
        yield sessions


async def test_they_share_a_fork_server_and_harm_of_one_is_its_own(
    world: World, paired: Sessions
) -> None:
    clients, servers = children(world, paired)
    assert (len(clients), len(servers)) == (3, 1)
    before = {name: session.status.generation for name, session in paired.items()}
    os.kill(clients[0], signal.SIGKILL)
    await until(lambda: paired["a"].status.generation > before["a"], 30)
    await paired["a"].wait_for(State.CONNECTED, timeout=30)
    assert [paired[name].status.generation for name in "bc"] == [before["b"], before["c"]]
    # One is removed and added again, one is restarted; the third does not notice.
    await paired.remove("a")
    assert sorted(paired) == ["b", "c"]
    again = await paired.add(world.settings(session="a"))
    await again.wait_for(State.CONNECTED, timeout=30)
    fresh = await paired.restart("b")
    assert paired["b"] is fresh
    await fresh.wait_for(State.CONNECTED, timeout=30)
    assert paired["c"].status.generation == before["c"]
    assert children(world, paired)[1] == servers
    # What dies with our own fork server says nothing of WhatsApp: nobody is held for it.
    generations = {name: session.status.generation for name, session in paired.items()}
    os.kill(servers[0], signal.SIGKILL)
    for name, session in paired.items():
        await until(functools.partial(is_begun_anew, session, generations[name]), 30)
        await session.wait_for(State.CONNECTED, timeout=30)
        assert paired.held is None


async def test_those_that_need_a_person_come_first_and_a_session_is_in_one_place_only(
    world: World, paired: Sessions
) -> None:
    phone = list(world.server.phones.values())[-1]
    await phone.remove(phone.devices[0])
    await until(lambda: paired["c"].status.state is not State.CONNECTED, 30)
    await paired["c"].wait_for(State.PAIRING, timeout=30)
    assert [status.session for status in paired.statuses()] == ["c", "a", "b"]
    with pytest.raises(Misused, match="there is a session 'a' already"):
        await paired.add(world.settings(session="a"))
    async with Sessions() as others:
        with pytest.raises(LockHeld):
            await others.add(world.settings(session="a"))
        assert list(others) == []


async def test_all_wait_while_all_are_refused_and_follow_the_first_that_comes_up(
    world: World, paired: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wa_supervisor")
    breaker = paired._breaker
    breaker.limits = type(breaker.limits)(first_pause=1.0, longest_pause=1.0)
    world.server.on_login(Failure(400, close=False), times=None)
    for connection in list(world.server.connections):
        await connection.drop()
    await until(lambda: paired.held is not None, 60)
    assert Reason.CONNECT_REFUSED.value in str(paired.held)
    await until(lambda: Reason.HELD in {s.reason for s in paired.statuses()}, 30)
    held = next(s for s in paired.statuses() if s.reason is Reason.HELD)
    assert held.detail == paired.held
    world.server.on_login(None)
    for session in paired.values():
        await session.wait_for(State.CONNECTED, timeout=60)
    assert paired.held is None
    said = [record.getMessage() for record in caplog.records]
    assert sum("all sessions wait" in each for each in said) == 1


async def test_a_limit_of_the_machine_is_named_before_it_bites(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = (Limit("the limit of 256 open files (RLIMIT_NOFILE)", 0),)
    monkeypatch.setattr(module, "check_room", lambda running: check_room(running, full))
    async with Sessions() as sessions:
        with pytest.raises(TooManySessions, match="256 open files"):
            await sessions.add(world.settings())
        assert not sessions


async def test_leaving_ends_all_of_them_within_the_bound_of_one(world: World) -> None:
    loop = asyncio.get_running_loop()
    async with Sessions(*(world.settings(session=f"s{n}") for n in range(6)), pace=QUICKLY) as all_:
        for session in all_.values():
            await session.wait_for(State.PAIRING, timeout=60)
        began = loop.time()
    assert loop.time() - began < 6.0
    assert world.started() == []


async def test_no_more_stop_at_once_than_the_machine_has_time_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOPPING_AT_ONCE", 1)
    said: list[tuple[str, str]] = []
    async with Sessions(*(world.settings(session=n) for n in NAMES), pace=QUICKLY) as all_:
        for name, session in all_.items():
            await session.wait_for(State.PAIRING, timeout=60)
            session.on_step(functools.partial(note, said, name))
    stops = [(name, fact) for name, fact in said if fact in {"Stop", "ChildExited"}]
    assert stops == [(name, fact) for name in NAMES for fact in ("Stop", "ChildExited")]


async def test_a_defect_of_one_is_told_at_once_and_ends_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    async def run_two() -> None:
        async with Sessions(*(world.settings(session=n) for n in "ab"), pace=QUICKLY) as all_:
            for session in all_.values():
                await session.wait_for(State.PAIRING, timeout=30)
            shell = all_["a"]._shell
            assert shell is not None
            world.monkeypatch.setattr(shell.core, "handle", fail)
            all_["a"].resume()
            await until(lambda: "a: the supervisor failed" in caplog.text, 10)
            assert all_["b"].status.state is State.PAIRING
            # It can be had again; what failed it was told, and is not raised once more.
            again = await all_.restart("a")
            await again.wait_for(State.PAIRING, timeout=30)
            shell = all_["b"]._shell
            assert shell is not None
            world.monkeypatch.setattr(shell.core, "handle", fail)
            all_["b"].resume()
            await until(lambda: "b: the supervisor failed" in caplog.text, 10)

    with pytest.raises(ExceptionGroup) as raised:
        await run_two()
    assert raised.group_contains(ZeroDivisionError)
