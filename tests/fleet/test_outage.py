"""After an outage that ended every lease, workers come back before sessions are placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.rows import claim
from wa_supervisor.fleet import orders
from wa_supervisor.fleet.claims import register, unregister
from wa_supervisor.fleet.decisions import Give
from wa_supervisor.fleet.lease import Timing
from wa_supervisor.fleet.tick import tick

if TYPE_CHECKING:
    from wa_supervisor.fleet.database import FleetDatabase

TIMING = Timing()


def test_sessions_go_back_to_where_they_were_and_not_all_to_the_first_worker(
    fleet: FleetDatabase,
) -> None:
    for session, worker in {"a": "w1", "b": "w1", "c": "w2", "d": "gone"}.items():
        orders.add(fleet, session, {})
        claim(fleet, session, worker)
    _begin_to_lead(fleet)
    first = register(fleet, "w1", capacity=10, timing=TIMING)
    assert tick(fleet, first, TIMING) == []
    register(fleet, "w2", capacity=10, timing=TIMING)
    assert tick(fleet, first, TIMING) == []
    _let_pass(fleet, TIMING.heartbeat_every * 3)
    assert set(tick(fleet, first, TIMING)) == {
        Give("a", "w1"),
        Give("b", "w1"),
        Give("c", "w2"),
        Give("d", "w2"),
    }


def test_a_leader_that_leaves_or_is_gone_for_a_moment_keeps_nobody_waiting(
    fleet: FleetDatabase,
) -> None:
    first = register(fleet, "w1", capacity=10, timing=TIMING)
    tick(fleet, first, TIMING)
    second = register(fleet, "w2", capacity=10, timing=TIMING)
    orders.add(fleet, "a", {})
    unregister(fleet, first)
    assert tick(fleet, second, TIMING) == [Give("a", "w2")]
    _let_pass(fleet, TIMING.dead_after / 2)
    orders.add(fleet, "b", {})
    third = register(fleet, "w3", capacity=10, timing=TIMING)
    assert tick(fleet, third, TIMING) == [Give("b", "w3")]


def test_a_new_fleet_has_nothing_to_wait_for(fleet: FleetDatabase) -> None:
    first = register(fleet, "w1", capacity=10, timing=TIMING)
    tick(fleet, first, TIMING)
    orders.add(fleet, "a", {})
    assert tick(fleet, first, TIMING) == [Give("a", "w1")]


def _begin_to_lead(fleet: FleetDatabase) -> None:
    """Have a leader have looked, long ago."""
    with fleet.transaction() as connection:
        connection.execute("UPDATE leader SET ticked_at = now() - interval '1 hour'")


def _let_pass(fleet: FleetDatabase, seconds: float) -> None:
    with fleet.transaction() as connection:
        connection.execute(
            "UPDATE leader SET ticked_at = ticked_at - make_interval(secs => %(seconds)s),"
            " places_from = places_from - make_interval(secs => %(seconds)s)",
            {"seconds": seconds},
        )
