"""A key is for one message in the whole fleet: nothing is sent twice over a takeover."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fleet.owners import add, take
from wa_supervisor.fleet import sends
from wa_supervisor.fleet.sends import FleetSends
from wa_supervisor.messages.errors import KeyReused, NotConnected, OutboxError, SendUnknown
from wa_supervisor.messages.outbox import Outbox, SendState, Sent, fingerprint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.fleet.ownership import Ownership

HELLO, OTHER = fingerprint("to", "hello"), fingerprint("to", "other")
SENT = Sent("3EB0", datetime(2026, 11, 25, tzinfo=UTC))


@pytest.fixture
def mine(fleet: FleetDatabase) -> Ownership:
    add(fleet, "shop")
    return take(fleet, "shop", "a")


async def opened(fleet: FleetDatabase, ownership: Ownership) -> Outbox:
    return await Outbox.on(FleetSends(fleet, ownership).open)


def dispatching(log: list[str], name: str) -> Callable[[], Awaitable[Sent]]:
    async def dispatch() -> Sent:
        log.append(name)
        return SENT

    return dispatch


async def test_a_key_has_one_result_on_every_worker(fleet: FleetDatabase, mine: Ownership) -> None:
    log: list[str] = []
    async with aclosing(await opened(fleet, mine)) as outbox:
        assert await outbox.send("order-17", HELLO, dispatching(log, "a")) == SENT
    async with aclosing(await opened(fleet, take(fleet, "shop", "b"))) as outbox:
        assert await outbox.send("order-17", HELLO, dispatching(log, "b")) == SENT
        with pytest.raises(KeyReused):
            await outbox.send("order-17", OTHER, dispatching(log, "b"))
        assert await outbox.state("order-18") is None
    assert log == ["a"]


async def test_what_a_dead_worker_was_sending_is_unknown_and_never_sent_again(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    log: list[str] = []
    reached, dead = asyncio.Event(), asyncio.Event()

    async def hangs() -> Sent:
        reached.set()
        await dead.wait()
        return SENT

    zombie = await opened(fleet, mine)
    sending = asyncio.create_task(zombie.send("order-17", HELLO, hangs))
    await reached.wait()
    async with aclosing(await opened(fleet, take(fleet, "shop", "b"))) as outbox:
        with pytest.raises(SendUnknown):
            await outbox.send("order-17", HELLO, dispatching(log, "b"))
        # What had lost the session keeps nothing of it any more, and hands over nothing more.
        dead.set()
        with pytest.raises(OutboxError, match="b has taken it over"):
            await sending
        with pytest.raises(OutboxError, match="b has taken it over"):
            await zombie.send("order-18", HELLO, dispatching(log, "a"))
        assert await outbox.state("order-17") is SendState.UNKNOWN
        await outbox.answered("order-17", SENT)
        assert await outbox.send("order-17", HELLO, dispatching(log, "b")) == SENT
    await zombie.aclose()
    assert log == []


async def test_what_was_certainly_not_sent_is_tried_again_by_the_next_owner(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    log: list[str] = []

    async def fails() -> Sent:
        raise NotConnected("no", state="Backoff", reason=None, until=None)

    async with aclosing(await opened(fleet, mine)) as outbox:
        with pytest.raises(NotConnected):
            await outbox.send("order-17", HELLO, fails)
    async with aclosing(await opened(fleet, take(fleet, "shop", "b"))) as outbox:
        assert await outbox.send("order-17", HELLO, dispatching(log, "b")) == SENT
    assert log == ["b"]


async def test_old_keys_and_those_of_another_account_are_forgotten(
    fleet: FleetDatabase, mine: Ownership, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sends, "PRUNE_EVERY", 1)
    monkeypatch.setattr(sends, "KEEP_ROWS", 2)
    log: list[str] = []
    add(fleet, "other")
    async with aclosing(await opened(fleet, take(fleet, "other", "a"))) as outbox:
        await outbox.send("order-0", HELLO, dispatching(log, "other"))
    async with aclosing(await opened(fleet, mine)) as outbox:
        for number in range(5):
            await outbox.send(f"order-{number}", HELLO, dispatching(log, "a"))
        known = [await outbox.state(f"order-{number}") for number in range(5)]
        assert known == [None, None, *[SendState.SENT] * 3]
    with fleet.transaction() as connection:
        connection.execute("UPDATE sends SET changed_at = now() - '31 days'::interval")
    async with aclosing(await opened(fleet, mine)) as outbox:
        await outbox.send("order-9", HELLO, dispatching(log, "a"))
        assert await outbox.state("order-4") is None
        FleetSends(fleet, mine).set_aside(tmp_path)
        assert await outbox.state("order-9") is None
    with fleet.transaction() as connection:
        row = connection.execute("SELECT count(*) AS n FROM sends").fetchone()
    assert row == {"n": 1}  # the other session's
