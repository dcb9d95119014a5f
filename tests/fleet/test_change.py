"""A change of rows by the session's owner in one statement: fenced as a whole transaction is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from fleet.owners import add, take
from wa_supervisor.errors import LockHeld, StoreError
from wa_supervisor.fleet import database as module

if TYPE_CHECKING:
    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.fleet.ownership import Ownership

_WRITE: Final = "INSERT INTO readers (session, name) SELECT session, %(name)s FROM owner"


def write(fleet: FleetDatabase, ownership: Ownership, name: str) -> int:
    return fleet.change(ownership, _WRITE, {"name": name})


def written(fleet: FleetDatabase) -> list[str]:
    with fleet.transaction() as connection:
        rows = connection.execute("SELECT name FROM readers ORDER BY name").fetchall()
    return [row["name"] for row in rows]


def test_it_is_done_for_the_owner_alone(fleet: FleetDatabase) -> None:
    add(fleet, "shop")
    old = take(fleet, "shop", "a")
    assert write(fleet, old, "one") == 1
    new = take(fleet, "shop", "b")
    with pytest.raises(LockHeld, match="b has taken it over"):
        write(fleet, old, "two")
    assert write(fleet, new, "three") == 1
    assert written(fleet) == ["one", "three"]


def test_while_it_is_taken_over_it_waits_and_is_refused(fleet: FleetDatabase) -> None:
    add(fleet, "shop")
    old = take(fleet, "shop", "a")
    begun = threading.Event()

    def late() -> int:
        begun.set()
        return write(fleet, old, "late")

    with ThreadPoolExecutor(1) as threads:
        with fleet.transaction() as connection:
            connection.execute("UPDATE owners SET epoch = epoch + 1, worker = 'b'")
            writing = threads.submit(late)
            begun.wait(10)
            deadline = time.monotonic() + 2.5
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not connection.execute(waits).fetchone():
                assert time.monotonic() < deadline
                connection.execute("SELECT pg_stat_clear_snapshot()")
            assert not writing.done()
        with pytest.raises(LockHeld, match="b has taken it over"):
            writing.result(10)
    assert written(fleet) == []


def test_a_connection_that_was_cut_is_replaced(
    fleet: FleetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(fleet, "shop")
    mine = take(fleet, "shop", "a")

    with fleet.transaction() as connection:
        pid = connection.info.backend_pid
    with psycopg.connect(fleet.conninfo, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    assert write(fleet, mine, "one") == 1
    with pytest.raises(StoreError), fleet.transaction() as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert write(fleet, mine, "two") == 1
    assert written(fleet) == ["one", "two"]
