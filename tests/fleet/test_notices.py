"""A person is called once, whichever workers have the session: owners on a real Postgres."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from fleet.owners import add, take
from notify.receiver import Receiver, receiving
from wa_supervisor.errors import LockHeld, Unreachable
from wa_supervisor.fleet.notices import FleetNotices
from wa_supervisor.fleet.store import FleetStore
from wa_supervisor.lifecycle import State, facts
from wa_supervisor.notify import notices as module
from wa_supervisor.notify.memory import load
from wa_supervisor.settings import Settings
from wa_supervisor.supervisor import Supervisor
from wa_supervisor.testing import PlayedLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor.fleet.database import FleetDatabase


class Owners:
    """Workers of one session, each of which calls the same receiver."""

    def __init__(self, fleet: FleetDatabase, root: Path, receiver: Receiver) -> None:
        self.fleet = fleet
        self.root = root
        self.receiver = receiver

    @contextlib.asynccontextmanager
    async def on(self, worker: str) -> AsyncIterator[tuple[Supervisor, PlayedLink]]:
        settings = Settings(
            session="shop",
            data_dir=self.root / worker,
            database=self.fleet.url,
            notify={"webhook": self.receiver.url, "page": f"https://{worker}.example.org"},
        )
        store = FleetStore(settings, self.fleet, take(self.fleet, "shop", worker))
        link = PlayedLink()
        async with Supervisor(settings, store=store, link=link.make, sinks=()) as session:
            yield session, link

    def said(self) -> list[tuple[str, str]]:
        notices = [json.loads(body) for _, _, body in self.receiver.got]
        return [(each["kind"], each["page"]) for each in notices]


@pytest.fixture
async def owners(
    fleet: FleetDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Owners]:
    monkeypatch.setattr(module, "PAUSES", (0.05,))
    add(fleet, "shop")
    async with receiving() as receiver:
        yield Owners(fleet, tmp_path, receiver)


async def connect(session: Supervisor, link: PlayedLink) -> None:
    await until(lambda: link.is_running)
    link.say(facts.PairSucceeded)
    link.say(facts.Connected)
    await session.wait_for(State.CONNECTED, timeout=10)


async def give_up(session: Supervisor, link: PlayedLink) -> None:
    link.say(facts.ClientOutdated)
    link.say(facts.ChildExited, 0, None)
    await session.wait_for(State.GAVE_UP, timeout=10)


async def test_an_incident_is_notified_by_one_worker_and_its_end_by_the_next(
    owners: Owners,
) -> None:
    async with owners.on("a") as (old, old_link):
        await connect(old, old_link)
        await give_up(old, old_link)
        await until(lambda: len(owners.said()) == 1)
        # `a` is cut off and does not know it: it goes on while `b` has the session.
        async with owners.on("b") as (new, new_link):
            await new.wait_for(State.GAVE_UP, timeout=10)
            new.resume()
            old.resume()
            await connect(new, new_link)
            await until(lambda: len(owners.said()) == 2)
            await asyncio.sleep(0.3)
            assert old.status.notify == {}
        assert owners.said() == [
            ("needed", "https://a.example.org"),
            ("recovered", "https://b.example.org"),
        ]
    assert len(owners.said()) == 2


async def test_what_one_worker_could_not_say_the_next_one_says_with_its_own_page(
    owners: Owners,
) -> None:
    owners.receiver.codes = [503] * 1000
    async with owners.on("a") as (old, link):
        await connect(old, link)
        await give_up(old, link)
        await until(lambda: owners.receiver.got)
    owners.receiver.codes.clear()
    owners.receiver.got.clear()
    for worker in ("b", "a"):
        async with owners.on(worker) as (session, _):
            await session.wait_for(State.GAVE_UP, timeout=10)
            await until(owners.said)
            await asyncio.sleep(0.2)
    assert owners.said() == [("needed", "https://b.example.org")]


async def test_where_nothing_can_be_kept_a_person_is_called_all_the_same(
    owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Unreachable("the fleet's database does not answer")

    async with owners.on("a") as (session, link):
        await connect(session, link)
        monkeypatch.setattr(FleetNotices, "write", fails)
        await give_up(session, link)
        await until(lambda: len(owners.said()) == 1)
        assert session.status.notify == {"memory": "the fleet's database does not answer"}


def test_only_the_owner_keeps_what_was_notified(fleet: FleetDatabase) -> None:
    add(fleet, "shop")
    old = FleetNotices(fleet, take(fleet, "shop", "a"))
    assert old.read() is None
    old.write(b"{}")
    new = FleetNotices(fleet, take(fleet, "shop", "b"))
    assert new.read() == b"{}"
    with pytest.raises(LockHeld):
        old.write(b"{}")
    assert load(new).unsaid == {}
