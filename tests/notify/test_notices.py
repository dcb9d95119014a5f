"""A supervisor whose session goes wrong, and who is called: once, also across restarts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from notify.receiver import Receiver, receiving
from wa_supervisor import Settings, State
from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.notify import notices as module
from wa_supervisor.testing import FakeSession, MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setattr(module, "PAUSES", (0.05,))
    async with receiving() as receiver:
        yield receiver


def settings(receiver: Receiver, **more: Any) -> Settings:
    return Settings(notify={"webhook": receiver.url, **more})


async def until(happened: Any) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - whatever it is
            await asyncio.sleep(0.01)


def told(receiver: Receiver) -> list[tuple[str, str | None]]:
    notices = [json.loads(body) for _, _, body in receiver.got]
    return [(each["kind"], each["reason"]) for each in notices]


async def test_who_must_act_is_called_once_and_told_when_it_is_over(receiver: Receiver) -> None:
    async with FakeSession(settings(receiver)) as session:
        await session.wait_for(State.CONNECTED, timeout=5)
        await session.hear(facts.LoggedOut, Logout.LOCKED)
        await session.hear(facts.ChildExited, 0, None)
        await until(lambda: told(receiver) == [("needed", "locked")])
        session.resume()
        await session.advance(60)
        await until(lambda: told(receiver)[1:] == [("recovered", None)])


async def test_a_receiver_that_fails_gets_it_later_and_status_says_so_meanwhile(
    receiver: Receiver,
) -> None:
    receiver.codes = [503, 503]
    async with FakeSession(settings(receiver)) as session:
        await session.hear(facts.LoggedOut, Logout.LOCKED)
        await session.hear(facts.ChildExited, 0, None)
        await until(lambda: session.status.notify == {"webhook": "it answered 503"})
        await until(lambda: len(receiver.got) == 3)
        await until(lambda: session.status.notify == {})
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1


async def test_what_was_not_said_before_the_end_is_said_by_the_next_run_and_nothing_twice(
    receiver: Receiver,
) -> None:
    receiver.codes = [503] * 1000
    store = MemoryStore(paired=True)
    async with FakeSession(settings(receiver), store=store) as session:
        await session.hear(facts.LoggedOut, Logout.LOCKED)
        await session.hear(facts.ChildExited, 0, None)
        await until(lambda: receiver.got)
    receiver.codes.clear()
    receiver.got.clear()
    for _ in range(2):
        async with FakeSession(settings(receiver), store=store, connects=False) as session:
            await session.settle()
            await until(lambda: receiver.got)
            await asyncio.sleep(0.2)
    assert told(receiver) == [("needed", "locked")]


async def test_a_receiver_that_never_answers_holds_nothing_up(receiver: Receiver) -> None:
    receiver.silent = True
    async with FakeSession(settings(receiver)) as session:
        await session.hear(facts.LoggedOut, Logout.LOCKED)
        await session.hear(facts.ChildExited, 0, None)
        session.resume()
        await session.advance(60)
        assert session.status.state is State.CONNECTED
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 4


async def test_the_heart_beats_only_while_messages_are_heard(receiver: Receiver) -> None:
    beating = Settings(notify={"heartbeat": receiver.url, "heartbeat_every": 1})
    async with FakeSession(beating) as session:
        await session.wait_for(State.CONNECTED, timeout=5)
        await until(lambda: len(receiver.got) >= 1)
        await session.hear(facts.Disconnected)
        receiver.got.clear()
        await asyncio.sleep(1.3)
        assert receiver.got == []


async def test_nothing_is_sent_and_nothing_written_where_nobody_is_to_be_called() -> None:
    store = MemoryStore(paired=True)
    async with FakeSession(store=store) as session:
        await session.hear(facts.LoggedOut, Logout.LOCKED)
        await session.hear(facts.ChildExited, 0, None)
    assert not store.outbox.with_name("notices.json").exists()
