"""Messages of a dead worker's disk that is back are read by the session's owner at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fleet.owners import add
from fleet.test_moving_messages import Workers, texts
from fleet.workers import Fleet, until
from wa_supervisor.fleet.store import FleetStore
from wa_supervisor.messages import shared_index
from wa_supervisor.testing.fake_session import EVERYONE

if TYPE_CHECKING:
    from pathlib import Path

    from wa_supervisor import Supervisor
    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.messages.delivery import Delivery


async def test_who_hands_over_late_wakes_the_owner(
    fleet: FleetDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_index, "LOOK_EVERY", 3600.0)  # else the owner looks by itself
    add(fleet, "shop")
    before = Workers(fleet, tmp_path, "disk")
    async with before.running_on("a") as a:
        a.receive("one", "two")
        await a.read(2)
    found: list[Delivery] = []
    begun = asyncio.Event()

    async def read(session: Supervisor) -> None:
        async with session.messages("program") as messages:
            begun.set()
            while True:
                found.append(await anext(messages))

    workers = Fleet(fleet.url, tmp_path, fleet)
    workers.worker("b", make_store=FleetStore, on_session=read, settings={"gate": EVERYONE})
    try:
        async with asyncio.timeout(20):
            await begun.wait()
        stranded = before.stranded_on("a")
        assert await asyncio.to_thread(stranded.look) == 2
        await until(lambda: len(found) == 2, 20)
    finally:
        await workers.stop("b")
    assert texts(found) == ["one", "two"]
    assert all(each.redelivered for each in found)
