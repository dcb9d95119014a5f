"""Workers on a real Postgres: which has a session, and when it passes to another.

Their sessions have a played client; `e2e/test_fleet.py` has the real one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import psycopg
import pytest
from procrastinate import PsycopgConnector
from procrastinate.jobs import Job, Status
from pydantic import SecretStr

from fleet.workers import QUICK, Fleet, fleet_of, until
from wa_supervisor import LockHeld, State
from wa_supervisor.fleet import claims, orders, term
from wa_supervisor.fleet.engine import Callbacks, Jobs
from wa_supervisor.fleet.lease import Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lab.postgres_server import Server
    from wa_supervisor import Supervisor


@pytest.fixture
async def here(postgres: SecretStr, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet_of(postgres, tmp_path) as fleet:
        yield fleet


async def test_a_worker_takes_what_is_added_and_a_second_one_what_the_first_hands_over(
    here: Fleet,
) -> None:
    here.add("a", "b", policy={"conflict_wait": 7.0})
    first = here.worker("w1")
    await until(lambda: here.owners() == {"a": "w1", "b": "w1"})
    here.add("c")
    await until(lambda: len(here.owners()) == 3, 1.0)  # it was notified
    await until(lambda: {s.state for s in first.statuses()} == {State.CONNECTED})
    assert here.played.settings["a"].policy.conflict_wait == 7.0
    assert here.played.settings["a"].policy.conflict.value == "takeover"
    here.worker("w2")
    await until(lambda: here.rows("SELECT 1 FROM workers WHERE name = 'w2'"))
    await here.stop("w1")
    await until(lambda: here.owners() == dict.fromkeys("abc", "w2"), 3)
    assert here.epochs() == dict.fromkeys("abc", 2)
    assert here.jobs() == 3
    assert [row["name"] for row in here.rows("SELECT name FROM workers")] == ["w2"]


async def test_a_worker_that_was_taken_for_dead_ends_its_sessions_and_begins_anew(
    here: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    here.add("a")
    here.worker("w1")
    await until(lambda: here.owners() == {"a": "w1"})
    here.worker("w2")
    await until(lambda: len(here.rows("SELECT 1 FROM workers")) == 2)
    engine = "(SELECT engine_id FROM workers WHERE name = 'w1')"
    here.write(f"DELETE FROM procrastinate_workers WHERE id = {engine}")
    await until(lambda: "the lease of worker w1 has ended" in caplog.text)
    await until(lambda: here.rows(f"SELECT 1 FROM procrastinate_workers WHERE id = {engine}"))
    await until(lambda: here.epochs() == {"a": 2}, 5)  # it may come back to w1, once that is new
    # What w1 still said of its former job meant nothing.
    assert here.jobs() == 1
    assert here.epochs() == {"a": 2}


async def test_operators_move_drain_and_remove_but_not_what_is_being_paired(here: Fleet) -> None:
    names = [f"s{number:02}" for number in range(30)]
    here.add(*names)
    here.worker("w1", capacity=40)
    await until(lambda: len(here.owners()) == 30, 20)
    here.add("new")
    await until(lambda: here.owners().get("new") == "w1")
    here.write("UPDATE sessions SET state = 'Pairing' WHERE name = 'new'")
    here.worker("w2", capacity=40)
    await until(lambda: len(here.rows("SELECT 1 FROM workers")) == 2)

    orders.move(here.database, "s00", "w2")
    await until(lambda: here.owners().get("s00") == "w2", 5)
    assert here.rows("SELECT 1 FROM sessions WHERE wanted_worker IS NOT NULL") == []

    began = time.monotonic()
    orders.drain(here.database, "w1")
    await until(lambda: Counter(here.owners().values()) == {"w1": 1, "w2": 30}, 20)
    logging.getLogger("wa_supervisor").info("drained in %.1f s", time.monotonic() - began)
    assert here.owners()["new"] == "w1"

    orders.remove(here.database, "s01")
    await until(lambda: "s01" not in here.owners(), 5)
    await until(lambda: here.jobs() == 30)
    here.add("s01")
    await until(lambda: here.owners().get("s01") == "w2", 5)


async def test_a_worker_that_stops_waits_for_a_pairing_until_its_deadline_and_for_nothing_else(
    here: Fleet,
) -> None:
    here.add("a")
    first = here.worker("w1", drain=2.0)
    await until(lambda: here.owners() == {"a": "w1"})
    here.played.paired = False
    here.add("new")
    await until(lambda: State.PAIRING in {each.state for each in first.statuses()})
    here.write("UPDATE sessions SET state = 'Pairing' WHERE name = 'new'")  # as its store does
    here.worker("w2")
    await until(lambda: len(here.rows("SELECT 1 FROM workers")) == 2)
    began = time.monotonic()
    first.stop()
    await until(lambda: here.owners().get("a") == "w2", 2.0)
    assert here.owners()["new"] == "w1"
    await until(lambda: here.owners() == {"a": "w2", "new": "w2"})
    assert time.monotonic() - began > 2.0


async def test_what_cannot_be_begun_says_why_and_is_tried_again_and_a_full_worker_takes_no_more(
    here: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wa_supervisor.fleet.session_job.AGAIN_AFTER", 1.0)
    here.add("a", "b", "c")
    here.write("""UPDATE sessions SET settings = '{"bot": "no name"}' WHERE name = 'a'""")
    here.worker("w1", capacity=2)
    await until(lambda: here.owners() == {"b": "w1", "c": "w1"})
    trouble = "SELECT trouble FROM sessions WHERE name = 'a'"
    (row,) = here.rows(trouble)
    assert row["trouble"] == "bot: write it as module:function, for example mybot:register"
    here.write("UPDATE sessions SET settings = '{}' WHERE name = 'a'")
    await asyncio.sleep(1.5)
    assert len(here.owners()) == 2
    here.worker("w2")
    await until(lambda: here.owners().get("a") == "w2")
    assert here.rows(trouble) == [{"trouble": None}]


async def test_a_program_hears_of_each_session_that_comes_and_goes(here: Fleet) -> None:
    heard: list[str] = []

    async def on_session(session: Supervisor) -> None:
        name = session.settings.session
        heard.append(f"{name} came")
        try:
            await asyncio.Event().wait()
        finally:
            heard.append(f"{name} went, {session.status.state.value}")

    here.add("a")
    here.worker("w1", on_session=on_session)
    await until(lambda: heard == ["a came"])
    orders.remove(here.database, "a")
    await until(lambda: heard == ["a came", "a went, Stopped"])


async def test_a_second_worker_of_one_name_is_refused_while_the_first_lives(here: Fleet) -> None:
    short = Timing(heartbeat_every=0.2, dead_after=0.8, margin=0.3)
    name = "a-worker-whose-name-is-as-long-as-a-pod-s-name-can-be-7d9c8f6b5x"
    here.add("a")
    here.worker(name, timing=short)
    await until(lambda: here.owners() == {"a": name})
    with pytest.raises(LockHeld, match="lives already"):
        await asyncio.wait_for(here.new(name, timing=short).run(), 10)
    assert here.owners() == {"a": name}


async def test_a_job_that_nobody_runs_though_it_was_begun_is_found(
    here: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(term, "STRAYS_EVERY", 0.3)
    here.worker("w1")
    await until(lambda: here.rows("SELECT 1 FROM workers"))
    here.add("a")
    await until(lambda: here.owners() == {"a": "w1"})
    orders.remove(here.database, "a")
    await until(lambda: here.jobs() == 0)
    here.write(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)"
        """ SELECT queue, 'supervise', 'a', '{"session": "a"}', 'doing', engine_id FROM workers"""
    )
    here.add("a")
    await until(lambda: here.owners() == {"a": "w1"}, 5)


async def test_postgres_may_be_away_or_frozen_for_a_part_of_the_lease(
    here: Fleet, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wa_supervisor")
    timing = Timing(heartbeat_every=0.3, dead_after=6.0, margin=2.0)
    here.add("a")
    worker = here.worker("w1", timing=timing)
    await until(lambda: here.owners() == {"a": "w1"})
    await until(lambda: worker.statuses()[0].state is State.CONNECTED)
    generation = worker.statuses()[0].generation
    await asyncio.to_thread(postgres_server.stop)
    await asyncio.sleep(0.4 * timing.lasts)
    await asyncio.to_thread(postgres_server.start)
    await until(lambda: caplog.text.count("heartbeat is back") == 1)
    await asyncio.to_thread(postgres_server.freeze)
    try:
        await asyncio.sleep(0.5 * timing.lasts)
    finally:
        await asyncio.to_thread(postgres_server.thaw)
    await until(lambda: caplog.text.count("heartbeat is back") == 2)
    assert "has ended" not in caplog.text
    assert here.owners() == {"a": "w1"}
    assert here.epochs() == {"a": 1}
    assert worker.statuses()[0].generation == generation
    # It still follows orders.
    here.add("b")
    await until(lambda: here.owners().get("b") == "w1")


async def test_postgres_away_for_longer_ends_the_sessions_before_others_might_take_them(
    here: Fleet, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    here.add("a")
    worker = here.worker("w1")
    await until(lambda: here.owners() == {"a": "w1"})
    began = time.monotonic()
    await asyncio.to_thread(postgres_server.stop)
    try:
        await until(lambda: "the lease of worker w1 has ended" in caplog.text)
        assert time.monotonic() - began < QUICK.dead_after
        await until(lambda: worker.statuses() == ())
    finally:
        await asyncio.to_thread(postgres_server.start)
    await until(lambda: here.owners() == {"a": "w1"} and here.epochs() == {"a": 2}, 15)
    await until(lambda: worker.statuses()[0].state is State.CONNECTED)


async def test_what_a_worker_says_of_a_job_that_was_taken_from_it_means_nothing(
    here: Fleet,
) -> None:
    here.add("a")
    here.worker("w1")
    await until(lambda: here.owners() == {"a": "w1"})
    (job,) = here.rows("SELECT id, worker_id FROM procrastinate_jobs")
    former = Jobs(
        PsycopgConnector(conninfo=here.database.conninfo, min_size=1, max_size=1),
        claims.Registration("zombie", job["worker_id"] - 1),
        Callbacks(
            run_job=AsyncMock(),
            takes_jobs=lambda: True,
            lease_holds=lambda: True,
            on_news=lambda _: None,
        ),
    )
    await former.connector.open_async()
    try:
        what = Job(id=job["id"], queue="", lock=None, queueing_lock=None, task_name="")
        await former.finish_job(what, Status.ABORTED, delete_job=True)
    finally:
        await former.connector.close_async()
    assert here.rows("SELECT id FROM procrastinate_jobs WHERE status = 'doing'") == [
        {"id": job["id"]}
    ]


async def test_an_owner_of_before_that_hangs_in_a_write_does_not_keep_a_claim_waiting(
    here: Fleet,
) -> None:
    here.add("a")
    timing = Timing()
    here_now = claims.register(here.database, "w1", capacity=1, timing=timing)
    first = claims.claim(here.database, here_now, "a", timing)
    with psycopg.connect(here.url.get_secret_value(), application_name="wa-session 1 a") as old:
        old.execute("SELECT 1 FROM wa_fleet.owners FOR SHARE")
        began = time.monotonic()
        second = claims.claim(here.database, here_now, "a", timing)
        assert time.monotonic() - began < 2.0
        with pytest.raises(psycopg.OperationalError):
            old.execute("SELECT 1")
        old.close()
    assert (first.ownership.epoch, second.ownership.epoch) == (1, 2)


async def test_a_dial_needs_the_session_the_lease_and_its_turn_among_all_of_the_fleet(
    here: Fleet,
) -> None:
    here.add("a", "b")
    here.write("UPDATE pace SET apart = '2 s'")
    timing = Timing()
    one = claims.register(here.database, "w1", capacity=1, timing=timing)
    two = claims.register(here.database, "w2", capacity=1, timing=timing)
    a = claims.claim(here.database, one, "a", timing).ownership
    b = claims.claim(here.database, two, "b", timing).ownership
    assert claims.take_turn(here.database, one, a, timing) == pytest.approx(0.0, abs=0.1)
    assert claims.take_turn(here.database, two, b, timing) == pytest.approx(2.0, abs=0.5)
    claims.claim(here.database, two, "a", timing)
    with pytest.raises(LockHeld, match="w2 has taken it over"):
        claims.take_turn(here.database, one, a, timing)
    here.write("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '7 s'")
    with pytest.raises(LockHeld, match="lease"):
        claims.take_turn(here.database, two, b, timing)
