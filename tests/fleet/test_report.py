"""How a fleet stands is told as it is: who lives, who has what, and what waits for whom."""

from __future__ import annotations

import pytest

from fleet.rows import claim, write_worker
from wa_supervisor.fleet import orders
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.lease import DEAD_AFTER
from wa_supervisor.fleet.report import LATE_AFTER, FleetReport, SessionReport, report


def session(found: FleetReport, name: str) -> SessionReport:
    return next(each for each in found.sessions if each.session == name)


def strand(fleet: FleetDatabase, worker: str, name: str, unread: int) -> None:
    with fleet.transaction() as connection:
        connection.execute(
            "INSERT INTO stranded (worker, session, unread) VALUES (%s, %s, %s)",
            (worker, name, unread),
        )


def test_an_empty_fleet_is_a_report_too(fleet: FleetDatabase) -> None:
    found = report(fleet)
    assert (found.workers, found.sessions, found.holds) == ((), (), ())
    assert found.totals.oldest_heartbeat is None


def test_a_worker_is_what_its_heartbeat_says(fleet: FleetDatabase) -> None:
    write_worker(fleet, "alive", capacity=3)
    write_worker(fleet, "late", age=(LATE_AFTER + DEAD_AFTER) / 2)
    write_worker(fleet, "dead", age=DEAD_AFTER + 1, draining=True)
    write_worker(fleet, "leaving", draining=True)
    for name in ("a", "b"):
        orders.add(fleet, name, {})
        claim(fleet, name, "alive", state="Connected", substate="online")
    found = report(fleet)
    states = {each.name: each.state for each in found.workers}
    assert states == {"alive": "alive", "late": "late", "dead": "dead", "leaving": "draining"}
    alive = found.workers[0]
    assert (alive.load, alive.capacity, alive.room, alive.host) == (2, 3, 1, "host-of-alive")
    assert alive.heartbeat_age is not None
    assert alive.heartbeat_age < LATE_AFTER
    assert [each.room for each in found.workers[1:]] == [0, 10, 0]
    assert found.totals.workers == {"alive": 1, "late": 1, "dead": 1, "draining": 1}
    assert found.totals.capacity == 13
    late = found.totals.oldest_heartbeat
    assert late is not None
    assert LATE_AFTER < late < DEAD_AFTER


def test_a_worker_whose_heartbeat_was_cleared_away_is_dead(fleet: FleetDatabase) -> None:
    write_worker(fleet, "w1")
    with fleet.transaction() as connection:
        connection.execute("DELETE FROM procrastinate_workers")
    (found,) = report(fleet).workers
    assert (found.state, found.heartbeat_age) == ("dead", None)


def test_what_a_worker_said_before_it_began_anew_is_over(fleet: FleetDatabase) -> None:
    write_worker(fleet, "w1")
    orders.add(fleet, "shop", {})
    claim(fleet, "shop", "w1", state="Connected", substate="online")
    assert session(report(fleet), "shop").is_ready
    with fleet.transaction() as connection:  # as `claims.register` does
        connection.execute("UPDATE workers SET started_at = now()")
    shop = session(report(fleet), "shop")
    assert (shop.is_ready, shop.has_owner, shop.owner) == (False, False, "w1")
    assert shop.waits == "it waits for a worker to take it"


def test_one_that_is_about_to_end_drains_and_one_that_was_buried_says_when_it_died(
    fleet: FleetDatabase,
) -> None:
    for name in ("ending", "gone"):
        write_worker(fleet, name)
    with fleet.transaction() as connection:
        connection.execute("UPDATE workers SET stopping = true WHERE name = 'ending'")
        connection.execute("UPDATE workers SET engine_id = 0, died_at = now() WHERE name = 'gone'")
    ending, gone = report(fleet).workers
    assert (ending.state, ending.room, ending.died_at) == ("draining", 0, None)
    assert gone.state == "dead"
    assert gone.died_at is not None


def test_a_session_that_cannot_be_begun_says_why(fleet: FleetDatabase) -> None:
    write_worker(fleet, "w1")
    orders.add(fleet, "shop", {})
    with fleet.transaction() as connection:
        connection.execute("UPDATE sessions SET trouble = 'no room for +4915112345678'")
    waits = session(report(fleet), "shop").waits
    assert waits == "it could not be begun, and is tried again: no room for <number>"


def test_who_needs_a_person_comes_first_with_the_reason_in_words(fleet: FleetDatabase) -> None:
    write_worker(fleet, "w1")
    for name in ("bank", "club", "shop"):
        orders.add(fleet, name, {})
        claim(fleet, name, "w1", state="Connected", substate="online", paired=True)
    claim(fleet, "shop", "w1", state="GaveUp", reason="retries_exhausted", needs="operator")
    claim(fleet, "club", "w1", state="Backoff", reason="of_a_newer_version")
    found = report(fleet)
    assert [each.session for each in found.sessions] == ["shop", "bank", "club"]
    shop, bank, club = found.sessions
    assert (shop.owner, shop.owner_state, shop.epoch) == ("w1", "alive", 2)
    assert shop.needs_person
    assert shop.sentence == "Every retry was used up without a stable connection."
    assert shop.hints
    assert (bank.is_ready, shop.is_ready, bank.waits, bank.sentence) == (True, False, None, None)
    assert (club.reason, club.sentence) == ("of_a_newer_version", None)
    totals = found.totals
    assert totals.sessions == {"Connected": 1, "GaveUp": 1, "Backoff": 1}
    assert (totals.owned, totals.ready, totals.need_person, totals.claims) == (3, 1, 1, 5)


def test_a_session_of_a_dead_worker_is_not_ready_whatever_that_had_said(
    fleet: FleetDatabase,
) -> None:
    write_worker(fleet, "w1", age=60)
    orders.add(fleet, "shop", {})
    claim(fleet, "shop", "w1", state="Connected", substate="online")
    found = report(fleet)
    shop = session(found, "shop")
    assert not shop.is_ready
    assert shop.waits == "its worker w1 is dead; no worker is alive"
    assert (found.totals.owned, found.totals.ready) == (0, 0)
    assert found.holds == ("no worker is alive",)
    write_worker(fleet, "w2")
    found = report(fleet)
    assert session(found, "shop").waits == "its worker w1 is dead; another takes it over"
    assert found.holds == ()


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        ([], "no worker is alive"),
        ([{"draining": True}], "every worker that is alive is draining"),
        ([{"capacity": 1}], "no worker has room: 1 sessions are theirs"),
        ([{"capacity": 2}], "it waits for a worker to take it"),
    ],
)
def test_why_nobody_has_a_session_is_said(
    fleet: FleetDatabase, workers: list[dict[str, int]], why: str
) -> None:
    for number, given in enumerate(workers):
        write_worker(fleet, f"w{number}", **given)
    for name in ("club", "shop"):
        orders.add(fleet, name, {})
    claim(fleet, "club", "w0", state="Connected")
    assert session(report(fleet), "shop").waits == why


def test_what_was_ordered_and_is_not_done_yet_is_said(fleet: FleetDatabase) -> None:
    for name in ("w1", "w2", "w3"):
        write_worker(fleet, name)
    for name in ("bank", "club", "gone", "shop"):
        orders.add(fleet, name, {})
        claim(fleet, name, "w1", state="Connected")
    claim(fleet, "bank", "w3", state="Pairing")
    claim(fleet, "club", "w3", state="Connected")
    orders.move(fleet, "shop", "w2")
    orders.remove(fleet, "gone")
    orders.drain(fleet, "w3")
    waits = {each.session: each.waits for each in report(fleet).sessions}
    assert waits == {
        "bank": "its worker w3 is draining; it stays until that ends, as it is pairing",
        "club": "its worker w3 is draining; it is handed over",
        "gone": "it was removed, and is being ended",
        "shop": "it is to move to w2",
    }
    claim(fleet, "gone", None)
    assert "gone" not in {each.session for each in report(fleet).sessions}


def test_stranded_messages_are_counted_where_they_lie_and_of_whom(fleet: FleetDatabase) -> None:
    for name in ("w1", "w2"):
        write_worker(fleet, name)
    for name in ("club", "shop"):
        orders.add(fleet, name, {})
    strand(fleet, "w1", "shop", 3)
    strand(fleet, "w2", "shop", 4)
    strand(fleet, "w1", "club", 5)
    found = report(fleet)
    assert [each.stranded for each in found.workers] == [8, 4]
    assert {each.session: each.stranded for each in found.sessions} == {"club": 5, "shop": 7}
    assert found.totals.stranded == 12


def test_a_report_has_nothing_of_the_settings_or_the_url(fleet: FleetDatabase) -> None:
    orders.add(fleet, "shop", {"pairing": {"mode": "code", "phone": "+15550001111"}})
    found = report(fleet)
    for text in (repr(found), found.model_dump_json(), repr(fleet)):
        assert "5550001111" not in text
        assert "canary" not in text
