"""What an operator orders is checked, kept as rows, and wakes the workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr

from fleet.rows import claim, write_worker
from wa_supervisor.errors import ConfigError, StoreError, Unreachable
from wa_supervisor.fleet import orders
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.errors import (
    AlreadyAdded,
    NoFleet,
    NoSuchSession,
    NoSuchWorker,
    NotMovable,
    WorkerUnusable,
)
from wa_supervisor.redaction import url_secrets
from wa_supervisor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


def row(fleet: FleetDatabase, name: str) -> dict[str, Any]:
    with fleet.transaction() as connection:
        found = connection.execute(
            "SELECT settings, removed, wanted_worker, epoch, worker"
            " FROM sessions JOIN owners ON owners.session = name WHERE name = %s",
            (name,),
        ).fetchone()
    assert found is not None
    return found


@pytest.fixture
def wakes(fleet: FleetDatabase) -> Iterator[None]:
    """What is done in the test wakes the workers."""
    with psycopg.connect(fleet.url.get_secret_value(), autocommit=True) as listener:
        listener.execute("LISTEN wa_fleet")
        yield
        assert list(listener.notifies(timeout=5, stop_after=1))


@pytest.mark.usefixtures("wakes")
def test_a_session_is_added_with_its_settings_and_nobody_as_its_owner(
    fleet: FleetDatabase,
) -> None:
    given = {
        "bot": "mybot:register",
        "pairing": {"mode": "code", "phone": SecretStr("+15550001111")},
        "fleet": {"inbox": "postgres"},
        "endpoint": {"ca_file": Path("/etc/ca.pem"), "proxy": "http://127.0.0.1:1"},
        "policy": {"ban_max": 7e5},
    }
    orders.add(fleet, "shop", given)
    found = row(fleet, "shop")
    assert (found["worker"], found["epoch"], found["removed"]) == (None, 0, False)
    kept = Settings(**found["settings"], session="shop")
    assert kept.pairing.phone == SecretStr("15550001111")
    assert kept.endpoint.ca_file == Path("/etc/ca.pem")
    assert kept.policy.ban_max == 7e5
    assert kept.fleet.inbox == "postgres"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"data_dir": "/x"}, "data_dir"),
        ({"database": "postgres://a@b/c"}, "database"),
        ({"session": "other"}, "session"),
        ({"fleet": {"capacity": 7}}, "fleet"),
        ({"pairing": {"modus": "qr"}}, "pairing.modus"),
        ({"bot": "no function"}, "bot"),
    ],
)
def test_settings_that_are_wrong_or_not_the_sessions_are_refused_and_nothing_is_kept(
    fleet: FleetDatabase, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        orders.add(fleet, "shop", given)
    with fleet.transaction() as connection:
        assert connection.execute("SELECT * FROM sessions").fetchall() == []


def test_what_is_left_out_is_what_the_worker_decides() -> None:
    given = {
        "session": "shop",
        "data_dir": "/x",
        "database": "postgres://a@b/c",
        "fleet": {"name": "w1", "inbox": "postgres", "database": "postgres://a@b/c"},
        "bot": "mybot:register",
    }
    assert orders.sessions_own(given) == {"bot": "mybot:register", "fleet": {"inbox": "postgres"}}
    assert orders.sessions_own({"fleet": {"name": "w1"}}) == {}


def test_a_session_is_added_once_and_replaced_only_if_that_is_said(fleet: FleetDatabase) -> None:
    orders.add(fleet, "shop", {"profile": "zeroclaw"})
    with pytest.raises(AlreadyAdded, match="'shop'"):
        orders.add(fleet, "shop", {})
    assert row(fleet, "shop")["settings"] == {"profile": "zeroclaw"}
    orders.add(fleet, "shop", {}, replace=True)
    assert row(fleet, "shop")["settings"] == {}


@pytest.mark.usefixtures("wakes")
def test_a_removed_session_stays_with_its_epoch_and_comes_back_when_it_is_added(
    fleet: FleetDatabase,
) -> None:
    orders.add(fleet, "shop", {})
    claim(fleet, "shop", "w1")
    orders.remove(fleet, "shop")
    assert row(fleet, "shop")["removed"]
    with pytest.raises(NoSuchSession):
        orders.remove(fleet, "shop")
    orders.add(fleet, "shop", {})
    found = row(fleet, "shop")
    assert (found["removed"], found["epoch"]) == (False, 1)


def test_a_session_goes_where_it_is_told_or_where_most_room_is(fleet: FleetDatabase) -> None:
    for name, capacity in (("w1", 10), ("w2", 1), ("w3", 10)):
        write_worker(fleet, name, capacity=capacity)
    for name in ("shop", "club", "bank"):
        orders.add(fleet, name, {})
    claim(fleet, "shop", "w1", state="Connected")
    claim(fleet, "club", "w3", state="Connected")
    assert orders.move(fleet, "shop", "w3") == orders.Moved("shop", "w1", "w3")
    assert row(fleet, "shop")["wanted_worker"] == "w3"
    assert orders.move(fleet, "shop").to_worker == "w2"
    claim(fleet, "bank", "w2", state="Connected")
    with pytest.raises(WorkerUnusable, match="full"):
        orders.move(fleet, "shop", "w2")
    assert orders.move(fleet, "shop", "w1") == orders.Moved("shop", "w1", "w1")
    assert row(fleet, "shop")["wanted_worker"] is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"state": "Pairing"}, "pairing"),
        ({"state": "Backoff", "reason": "temporary_ban"}, "banned"),
        ({"state": "GaveUp", "reason": "banned_again"}, "banned"),
    ],
)
def test_a_session_that_pairs_or_is_banned_is_not_moved_unless_its_worker_is_dead(
    fleet: FleetDatabase, said: dict[str, str], why: str
) -> None:
    write_worker(fleet, "w1")
    write_worker(fleet, "w2")
    orders.add(fleet, "shop", {})
    claim(fleet, "shop", "w1", **said)
    for target in ("w2", None):
        with pytest.raises(NotMovable, match=why):
            orders.move(fleet, "shop", target)
    assert row(fleet, "shop")["wanted_worker"] is None
    claim(fleet, "shop", "gone", **said)
    assert orders.move(fleet, "shop", "w2").to_worker == "w2"


def test_who_does_not_exist_is_guessed_and_who_takes_none_is_said(fleet: FleetDatabase) -> None:
    write_worker(fleet, "worker-1")
    write_worker(fleet, "dead", age=60)
    write_worker(fleet, "leaving", draining=True)
    orders.add(fleet, "shop", {})
    with pytest.raises(NoSuchSession, match="'shp'") as session:
        orders.move(fleet, "shp", "worker-1")
    assert "did you mean 'shop'?" in str(session.value.hint)
    with pytest.raises(NoSuchWorker, match="'worker1'") as worker:
        orders.move(fleet, "shop", "worker1")
    assert "did you mean 'worker-1'?" in str(worker.value.hint)
    for name, why in (("dead", "dead"), ("leaving", "draining")):
        with pytest.raises(WorkerUnusable, match=why):
            orders.move(fleet, "shop", name)
    claim(fleet, "shop", "worker-1", state="Connected")
    with pytest.raises(WorkerUnusable, match="no other worker"):
        orders.move(fleet, "shop")


@pytest.mark.usefixtures("wakes")
def test_a_worker_is_drained_and_that_is_undone(fleet: FleetDatabase) -> None:
    write_worker(fleet, "w1")
    write_worker(fleet, "dead", age=60)
    orders.add(fleet, "shop", {})
    claim(fleet, "shop", "w1")
    assert orders.drain(fleet, "w1") == 1
    with fleet.transaction() as connection:
        drained = connection.execute("SELECT name FROM workers WHERE draining").fetchall()
    assert drained == [{"name": "w1"}]
    orders.drain(fleet, "w1", undo=True)
    with fleet.transaction() as connection:
        assert connection.execute("SELECT name FROM workers WHERE draining").fetchall() == []
    with pytest.raises(WorkerUnusable, match="dead"):
        orders.drain(fleet, "dead")
    with pytest.raises(NoSuchWorker):
        orders.drain(fleet, "w9")


def test_a_database_without_a_fleet_says_so(postgres: SecretStr) -> None:
    with FleetDatabase(postgres) as database, pytest.raises(NoFleet, match="no tables"):
        orders.remove(database, "shop")


@pytest.mark.parametrize(
    ("wrong", "kind"), [("password", StoreError), ("server", Unreachable), ("name", StoreError)]
)
def test_why_there_is_no_connection_is_said_without_the_password(
    postgres: SecretStr, wrong: str, kind: type[StoreError]
) -> None:
    url = postgres.get_secret_value()
    password = url_secrets(url)[1]
    place = url.partition("host=")[2].partition("&")[0]
    name = url.partition("@/")[2].partition("?")[0]
    other = {
        "password": url.replace(password, "another%40-canary"),
        "server": url.replace(place, "/nowhere"),
        "name": url.replace(f"@/{name}?", "@/another?"),
    }[wrong]
    with pytest.raises(kind) as error:
        FleetDatabase(SecretStr(other)).check()
    assert "fleet's" in str(error.value)
    assert error.value.hint is not None
    assert "fleet.database" in str(error.value.hint)
    for secret in (password, "canary"):
        assert secret not in f"{error.value!r} {error.value.__cause__} {error.value.hint}"
