"""What a fleet must not do for ever: name what is gone, begin what fails, keep what is done."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from fleet.pooler import pooler
from fleet.rows import claim, write_worker
from fleet.workers import Fleet, fleet_of, until
from wa_supervisor.errors import StoreError, Unreachable
from wa_supervisor.fleet import orders, session_job
from wa_supervisor.fleet.claims import register
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.lease import Timing
from wa_supervisor.fleet.placement import Place, place
from wa_supervisor.fleet.report import report
from wa_supervisor.fleet.tick import tick
from wa_supervisor.store.postgres.errors import store_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lab.postgres_server import Server


@pytest.fixture
async def here(postgres: SecretStr, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet_of(postgres, tmp_path) as fleet:
        yield fleet


def test_a_session_that_was_removed_as_its_worker_died_is_not_being_ended_for_ever(
    fleet: FleetDatabase,
) -> None:
    here = register(fleet, "leader", capacity=1, timing=Timing())
    write_worker(fleet, "dead", age=60)
    orders.add(fleet, "shop", {})
    claim(fleet, "shop", "dead", state="Connected")
    orders.remove(fleet, "shop")
    assert [each.session for each in report(fleet).sessions] == ["shop"]
    tick(fleet, here, Timing())
    assert report(fleet).sessions == ()


def test_an_order_to_a_worker_that_has_gone_is_void_and_not_carried_out_in_a_year(
    fleet: FleetDatabase,
) -> None:
    here = register(fleet, "w1", capacity=5, timing=Timing())
    register(fleet, "w2", capacity=5, timing=Timing())
    for session, worker in {"club": "w2", "shop": "gone"}.items():
        orders.add(fleet, session, {})
        with fleet.transaction() as connection:
            connection.execute(
                "UPDATE sessions SET wanted_worker = %s WHERE name = %s", (worker, session)
            )

    def wanted() -> list[str | None]:
        return [each.wanted_worker for each in report(fleet).sessions]

    with fleet.transaction() as connection:
        connection.execute("UPDATE leader SET ticked_at = now() - interval '1 hour'")
    tick(fleet, here, Timing())
    assert wanted() == ["w2", "gone"]  # workers gather: it may be about to be back
    with fleet.transaction() as connection:
        connection.execute("UPDATE leader SET places_from = now()")
    tick(fleet, here, Timing())
    assert wanted() == ["w2", None]


def test_messages_that_were_dealt_with_a_month_ago_are_forgotten_though_nothing_begins(
    fleet: FleetDatabase,
) -> None:
    here = register(fleet, "leader", capacity=1, timing=Timing())
    orders.add(fleet, "shop", {})
    with fleet.transaction() as connection:
        connection.execute(
            "INSERT INTO messages (session, key, generation, record, changed_at) VALUES"
            " ('shop', '1', 1, NULL, now() - interval '31 days'),"
            " ('shop', '2', 1, NULL, now() - interval '29 days'),"
            " ('shop', '3', 1, 'waits', now() - interval '31 days')"
        )
    tick(fleet, here, Timing())
    with fleet.transaction() as connection:
        left = connection.execute("SELECT key FROM messages ORDER BY id").fetchall()
    assert [row["key"] for row in left] == [b"2", b"3"]


def test_the_schema_may_be_there_before_the_tables_are(postgres: SecretStr) -> None:
    with psycopg.connect(postgres.get_secret_value(), autocommit=True) as administrator:
        administrator.execute("CREATE SCHEMA wa_fleet")
    with FleetDatabase(postgres) as database:
        database.install()
        database.install()
        assert report(database).sessions == ()


def test_a_pooler_that_drops_the_options_is_named_and_no_table_is_made_elsewhere(
    postgres: SecretStr, postgres_server: Server
) -> None:
    told = urlsplit(postgres.get_secret_value())
    who = told.netloc.rpartition("@")[0]
    with pooler(postgres_server.directory / ".s.PGSQL.5432") as port:
        behind = SecretStr(f"postgres://{who}@127.0.0.1:{port}{told.path}?sslmode=disable")
        with FleetDatabase(behind) as database:
            for begin in (database.check, database.install):
                with pytest.raises(StoreError, match="a pooler such as pgbouncer"):
                    begin()
    with psycopg.connect(postgres.get_secret_value()) as connection:
        made = "SELECT FROM pg_tables WHERE schemaname IN ('public', 'wa_fleet')"
        assert connection.execute(made).fetchall() == []


def test_a_session_is_tried_where_it_has_not_failed_then_where_it_failed_longest_ago() -> None:
    places = [Place("full", 1, 1), Place("a", 9, 0), Place("b", 9, 3), Place("c", 9, 5)]

    def chosen(*failed_on: str, wanted: dict[str, str] | None = None) -> str:
        return place(["shop"], places, wanted, {"shop": failed_on})["shop"]

    assert chosen() == "a"
    assert chosen("a") == "b"
    assert chosen("a", "b") == "c"
    assert chosen("c", "b", "a") == "c"
    assert chosen("a", wanted={"shop": "a"}) == "a"
    assert place(["shop"], [Place("full", 1, 1)], None, {"shop": ["a"]}) == {}


async def test_a_worker_on_which_nothing_can_begin_does_not_keep_what_others_could_have(
    here: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_job, "AGAIN_AFTER", 0.2)

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    here.worker("w1", make_store=full)
    here.worker("w2")
    await until(lambda: len(here.rows("SELECT 1 FROM workers")) == 2)
    here.add("a", "b", "c", "d")
    await until(lambda: here.owners() == dict.fromkeys("abcd", "w2"))


async def test_a_session_that_ends_by_itself_does_not_begin_again_at_once(here: Fleet) -> None:
    here.add("a")
    worker = here.worker("w1")
    await until(lambda: worker.sessions is not None and "a" in worker.sessions)
    assert worker.sessions is not None
    worker.sessions["a"].stop()
    await until(lambda: not here.owners())
    await asyncio.sleep(1.0)
    assert here.epochs() == {"a": 1}
    (shown,) = report(here.database).sessions
    assert shown.waits == "it could not be begun, and is tried again: it has ended by itself"


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "FATAL:  sorry, too many clients already",
    ],
)
def test_a_server_that_is_full_is_not_taken_for_one_that_does_not_run(said: str) -> None:
    error = psycopg.OperationalError(f"connection failed: {said}")
    found = store_error(error, lambda text: text, whose="fleet")
    assert isinstance(found, Unreachable)
    assert "has no connection left" in str(found)
    assert "max_connections" in found.advice


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("tables_version = 2", "are of version 2, and this wa-supervisor knows version 1"),
        ("engine_schema = 'other'", "are not those of the procrastinate that is installed here"),
    ],
)
def test_tables_of_another_version_are_refused_by_name(
    fleet: FleetDatabase, change: str, said: str
) -> None:
    with fleet.transaction() as connection:
        connection.execute(f"UPDATE made_by SET {change}".encode())
    with pytest.raises(StoreError, match=said):
        fleet.install()


async def test_a_worker_to_which_postgres_gives_no_jobs_says_so(
    here: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    here.write(
        "ALTER FUNCTION procrastinate_fetch_job_v2(varchar[], bigint) RENAME TO another_version"
    )
    here.worker("w1")
    await until(lambda: "Postgres refuses to give jobs: UndefinedFunction" in caplog.text)


async def test_a_session_that_postgres_refuses_to_give_is_not_asked_for_again_at_once(
    here: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    here.add("a")
    here.write(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'an administrator forbids it'; END $$"
    )
    here.write("CREATE TRIGGER refuse BEFORE UPDATE OF epoch ON owners EXECUTE FUNCTION refuse()")
    here.worker("w1")
    await until(lambda: "a cannot be taken" in caplog.text)
    await asyncio.sleep(1.0)
    assert caplog.text.count("a cannot be taken") == 1
    (shown,) = report(here.database).sessions
    assert shown.waits is not None
    assert "an administrator forbids it" in shown.waits


async def test_one_that_waits_for_a_name_which_another_has_is_not_ready(here: Fleet) -> None:
    first = here.worker("w1")
    await until(lambda: first.has_lease)
    second = here.new("w1")
    waiting = asyncio.create_task(second.run())
    await asyncio.sleep(0.5)
    assert (first.has_lease, second.has_lease) == (True, False)
    second.stop()
    await asyncio.wait_for(waiting, 10)
    assert first.has_lease
