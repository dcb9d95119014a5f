"""A program holds a session: the context, waiting for a state, steps as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from wa_supervisor import (
    GatePolicy,
    Hopeless,
    LockHeld,
    Logout,
    Misused,
    ReaderBusy,
    Reason,
    Settings,
    State,
    Step,
    WaitTimeout,
    facts,
)
from wa_supervisor.testing.fake_session import FakeSession
from wa_supervisor.testing.memory_store import MemoryStore
from wa_supervisor.testing.played_link import PlayedLink


def state_of(session: FakeSession) -> State:
    return session.status.state


@pytest.fixture
async def session() -> AsyncIterator[FakeSession]:
    async with FakeSession(connects=False) as session:
        await session.settle()
        yield session


async def test_the_context_has_the_session_and_is_not_yet_connected() -> None:
    store = MemoryStore()
    async with FakeSession(store=store, connects=False) as session:
        assert state_of(session) is State.INIT
        with pytest.raises(LockHeld):
            async with FakeSession(store=store, connects=False):
                raise AssertionError("never")
    assert state_of(session) is State.STOPPED
    async with FakeSession(store=store, connects=False):
        pass


async def test_waiting_ends_when_the_state_is_entered_though_it_is_left_at_once(
    session: FakeSession,
) -> None:
    waiting = asyncio.create_task(session.wait_for(State.CONNECTED, timeout=10))
    await asyncio.sleep(0)
    session.played.say(facts.Connected)
    session.played.say(facts.StreamReplaced)
    await session.settle()
    await waiting
    assert session.status.state is State.BACKOFF


async def test_waiting_for_what_is_so_already_ends_at_once(session: FakeSession) -> None:
    await session.hear(facts.Connected)
    status = await session.wait_for(State.CONNECTED, timeout=0)
    assert (status.state, status.substate) == (State.CONNECTED, "online")


async def test_a_sub_state_can_be_waited_for(session: FakeSession) -> None:
    await session.hear(facts.Connected)
    await session.hear(facts.Disconnected)
    waiting = asyncio.create_task(session.wait_for(State.CONNECTED, substate="online", timeout=10))
    await session.settle()
    assert not waiting.done()
    await session.hear(facts.Connected)
    assert (await waiting).substate == "online"


async def test_waiting_is_over_as_soon_as_only_an_operator_can_help(session: FakeSession) -> None:
    waiting = asyncio.create_task(session.wait_for(State.CONNECTED, timeout=120))
    await session.settle()
    await session.hear(facts.ClientOutdated)
    with pytest.raises(Hopeless, match=r"GaveUp.*will not be Connected: WhatsApp no longer"):
        await waiting
    with pytest.raises(Hopeless):
        await session.wait_for(State.CONNECTED, timeout=120)


async def test_what_was_given_up_in_an_earlier_run_is_hopeless_at_once() -> None:
    store = MemoryStore()
    async with FakeSession(store=store, connects=False) as session:
        await session.settle()
        await session.hear(facts.ClientOutdated)
    async with FakeSession(store=store, connects=False) as session:
        with pytest.raises(Hopeless):
            await asyncio.wait_for(session.wait_for(State.CONNECTED, timeout=120), 5)


async def test_a_word_of_an_operator_that_is_still_to_be_heard_gives_hope(
    session: FakeSession,
) -> None:
    await session.hear(facts.ClientOutdated)
    session.resume()
    waiting = asyncio.create_task(session.wait_for(State.CONNECTED, timeout=120))
    await session.advance(1)
    await session.hear(facts.Connected)
    await waiting


async def test_waiting_has_an_end_that_says_where_the_session_is(session: FakeSession) -> None:
    await session.hear(facts.DialFailed, "connection refused")
    waiting = asyncio.create_task(session.wait_for(State.CONNECTED, timeout=30))
    await session.settle()
    session.played.network = False
    await session.advance(30)
    with pytest.raises(WaitTimeout, match=r"not Connected within 30 s: .*could not be reached"):
        await waiting
    assert issubclass(WaitTimeout, TimeoutError)


async def test_a_stop_ends_every_wait() -> None:
    async with FakeSession(connects=False) as session:
        waiting = asyncio.create_task(session.wait_for(State.CONNECTED, timeout=120))
        await session.settle()
    with pytest.raises(Hopeless, match="Stopped"):
        await waiting


async def test_steps_come_as_they_are_taken_and_end_with_the_run() -> None:
    seen: list[Step] = []

    async def read(session: FakeSession) -> None:
        async for step in session.steps():
            seen.append(step)  # noqa: PERF401 - each as it comes

    async with FakeSession(connects=False) as session:
        reading = asyncio.create_task(read(session))
        await session.settle()
        await session.hear(facts.LoggedOut, Logout.REMOVED)
        await session.hear(facts.ChildExited, 0, None)
        await session.advance(60)
    await asyncio.wait_for(reading, 5)
    states = [step.after for step in seen if step.after is not step.before]
    assert states[:3] == [State.LOGGED_OUT, State.PURGING, State.BACKOFF]
    assert states[-1] is State.STOPPED
    assert [step.reason for step in seen if step.after is State.PURGING] == [Reason.LOGGED_OUT]
    assert [step async for step in session.steps()] == []


async def test_a_reader_that_is_too_slow_misses_the_oldest_steps_and_knows_how_many(
    session: FakeSession,
) -> None:
    stream, every = session.steps(), list[Step]()
    session.on_step(every.append)
    for _ in range(600):
        await session.hear(facts.KeepAliveTimeout, 1)
        await session.hear(facts.KeepAliveRestored)
    session.stop()
    seen = [step async for step in stream]
    assert len(seen) < len(every)
    assert seen == every[stream.missed :]


async def test_leaving_by_an_exception_stops_and_lets_it_out() -> None:
    with pytest.raises(LookupError):
        async with FakeSession(connects=False) as session:
            raise LookupError
    assert session.status.state is State.STOPPED


async def test_leaving_by_cancellation_stops_within_the_bound() -> None:
    entered = asyncio.Event()
    held: list[FakeSession] = []

    async def program() -> None:
        async with FakeSession(connects=False) as session:
            held.append(session)
            entered.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(program())
    await entered.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # impatient
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 6)
    assert held[0].status.state is State.STOPPED
    assert held[0].played.pid is None
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


async def test_a_cancelled_entering_leaves_nothing() -> None:
    for turns in range(12):
        store = MemoryStore()
        task = asyncio.create_task(FakeSession(store=store, connects=False).__aenter__())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        result = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result[0], FakeSession):
            await result[0].__aexit__(None, None, None)
        store.acquire()  # it is free
        async with asyncio.timeout(5):  # for what a thread was at
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def test_a_process_that_does_not_end_is_left_behind_within_the_bound() -> None:
    class Stuck(PlayedLink):
        def exit(self, returncode: int | None = 0, signal: int | None = None) -> None: ...

    async with FakeSession(link=Stuck(), connects=False) as session:
        await session.settle()
        session.stop()
        await session.advance(5)
    assert session.status.state is State.STOPPED


async def test_a_session_is_entered_once() -> None:
    async with FakeSession(connects=False) as session:
        pass
    with pytest.raises(Misused, match="runs once"):
        async with session:
            raise AssertionError("never")


# -- messages --------------------------------------------------------------------------------------


async def test_messages_outlive_kills_and_giving_up_and_end_with_the_session() -> None:
    taken: list[str] = []

    async def read(session: FakeSession) -> str:
        async for message in session.messages():
            taken.append(message.text)  # noqa: PERF401 - each as it comes
        return "the end"

    async with FakeSession() as session:
        reading = asyncio.create_task(read(session))
        await session.receive("one")
        session.played.exit(None, 9)
        await session.receive("two")
        await session.advance(60)
        assert session.played.generation == 2
        assert taken == ["one", "two"]
        await session.hear(facts.ClientOutdated)
        assert state_of(session) is State.GAVE_UP
        await session.receive("three")
        session.resume()
        await session.settle()
        assert taken == ["one", "two", "three"]
        assert not reading.done()
    assert await asyncio.wait_for(reading, 5) == "the end"


async def test_messages_end_where_giving_up_ends_the_run() -> None:
    async with FakeSession(on_give_up="exit") as session:
        reading = asyncio.create_task(anext(session.messages()))
        await session.settle()
        session.played.say(facts.ClientOutdated)
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(reading, 5)


async def test_a_wait_for_a_message_that_is_cancelled_loses_none() -> None:
    class Slow(PlayedLink):
        go_on = asyncio.Event()

        async def ask(self, what: Any, **options: Any) -> Any:
            if what == "phone_of":
                await self.go_on.wait()
            return await super().ask(what, **options)

    link = Slow()
    link.phones["777@lid"] = "4915112345678@s.whatsapp.net"
    settings = Settings(gate={"allow": ["+4915112345678"]})
    async with FakeSession(settings, link=link) as session:
        messages = session.messages()
        await messages.begin()
        await session.receive("hello", sender="777@lid")
        with pytest.raises(TimeoutError):  # the gate waits for the number of that LID
            await asyncio.wait_for(anext(messages), 0.1)
        waiting = asyncio.create_task(anext(messages))
        await asyncio.sleep(0)
        with pytest.raises(ReaderBusy):
            await anext(messages)
        link.go_on.set()
        assert (await asyncio.wait_for(waiting, 5)).text == "hello"


async def test_messages_are_for_the_context_and_sessions_do_not_see_each_other() -> None:
    one, two = FakeSession(), FakeSession()
    with pytest.raises(Misused, match="within the session's context"):
        await anext(one.messages())
    async with one, two:
        mine, others = one.messages(), two.messages()
        await others.begin()
        reading = asyncio.create_task(anext(mine))
        await one.receive("for one")
        assert (await asyncio.wait_for(reading, 5)).text == "for one"
        assert two.status.received is not None
        assert two.status.received.waiting == 0
        two.update_gate(GatePolicy())
        assert one.settings.gate != GatePolicy()
    with pytest.raises(Misused, match="within the session's context"):
        await anext(one.messages())


async def test_a_program_that_fails_over_a_message_gets_it_again_after_a_restart() -> None:
    store = MemoryStore(paired=True)

    async def fail(session: FakeSession) -> None:
        async for _ in session.messages():
            raise LookupError

    async with FakeSession(store=store) as session:
        failing = asyncio.create_task(fail(session))
        await session.receive("hello")
        with pytest.raises(LookupError):
            await failing
    async with FakeSession(store=store) as session:
        again = await asyncio.wait_for(anext(session.messages()), 5)
        assert (again.text, again.redelivered) == ("hello", True)
