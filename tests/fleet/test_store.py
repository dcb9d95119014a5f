"""A session on a worker: what is on its disk, what is in the fleet's database, and whose it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from fleet.owners import add, take
from wa_supervisor.control import Order, ask
from wa_supervisor.errors import LockHeld, StoreError
from wa_supervisor.fleet.records import read_past
from wa_supervisor.fleet.store import FleetStore
from wa_supervisor.report import look
from wa_supervisor.settings import Settings
from wa_supervisor.store.fleet_note import read_note
from wa_supervisor.supervisor import Supervisor
from wa_supervisor.testing import PlayedLink

if TYPE_CHECKING:
    from pathlib import Path

    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.fleet.ownership import Ownership


def store_of(fleet: FleetDatabase, ownership: Ownership, data_dir: Path) -> FleetStore:
    settings = Settings(session=ownership.session, data_dir=data_dir, database=fleet.url)
    return FleetStore(settings, fleet, ownership)


def supervisor_of(fleet: FleetDatabase, ownership: Ownership, data_dir: Path) -> Supervisor:
    settings = Settings(session=ownership.session, data_dir=data_dir, database=fleet.url)
    store = FleetStore(settings, fleet, ownership)
    return Supervisor(settings, store=store, link=PlayedLink().make, sinks=())


async def test_a_worker_has_the_orders_on_its_disk_and_the_memory_in_the_fleet(
    fleet: FleetDatabase, tmp_path: Path
) -> None:
    add(fleet, "shop")
    mine = take(fleet, "shop", "a")
    here = store_of(fleet, mine, tmp_path / "a").files
    async with supervisor_of(fleet, mine, tmp_path / "a") as session:
        await until(lambda: read_past(fleet, "shop").entries)
        assert (await asyncio.to_thread(ask, here, Order.STATUS)).supervisor == "running"
        assert (await asyncio.to_thread(look, here)).supervisor == "running"
    entries = read_past(fleet, "shop").entries
    assert (entries[0].fact, entries[-1].after) == ("Start", "Stopped")
    assert not here.journal.exists()
    assert not here.database.exists()
    status = look(here)
    assert status.supervisor == "elsewhere"
    assert "'a'" in (status.trouble or "")
    # It goes on on another worker as it would have here.
    theirs = take(fleet, "shop", "b")
    async with supervisor_of(fleet, theirs, tmp_path / "b") as session:
        await until(lambda: session.status.generation > entries[-1].generation)
    assert {entry.session for entry in read_past(fleet, "shop").entries} == {"shop"}


def test_the_one_owner_alone_may_claim(fleet: FleetDatabase, tmp_path: Path) -> None:
    add(fleet, "shop")
    old = store_of(fleet, take(fleet, "shop", "a"), tmp_path / "a")
    old.acquire()
    old.claim()
    new = store_of(fleet, take(fleet, "shop", "b"), tmp_path / "b")
    new.acquire()
    new.claim()
    with pytest.raises(LockHeld, match="b has taken it over"):
        old.claim()
    assert (note := read_note(new.files)) is not None
    assert (note.worker, note.epoch) == ("b", 2)
    old.release()
    new.release()


def test_two_workers_of_one_disk_cannot_both_use_a_sessions_directory(
    fleet: FleetDatabase, tmp_path: Path
) -> None:
    add(fleet, "shop")
    mine = take(fleet, "shop", "a")
    first, second = (store_of(fleet, mine, tmp_path) for _ in range(2))
    first.acquire()
    with pytest.raises(LockHeld):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_directory_that_cannot_be_noted_as_the_fleets_is_left_free(
    fleet: FleetDatabase, tmp_path: Path
) -> None:
    add(fleet, "shop")
    store = store_of(fleet, take(fleet, "shop", "a"), tmp_path)
    store.files.prepare_directory()
    store.files.fleet_note.mkdir()
    with pytest.raises(StoreError, match="note that the session is a fleet's"):
        store.acquire()
    store.files.fleet_note.rmdir()
    store.acquire()
    store.release()
