"""A small fleet keeps its promises in any bad time, and a wrong one is found out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.fleet.simulation import Broken, Conditions, play, postgres
from wa_supervisor.fleet.decisions import Give
from wa_supervisor.fleet.lease import Lease, Timing

if TYPE_CHECKING:
    from lab.fleet.simulation.postgres import Job, Postgres

SMALL = Conditions(sessions=60, workers=5, capacity=25, apart=0.5, faults=25)
HARSH = replace(SMALL, slow=0.2, late=1.7, faults=60)
"""Every fifth message takes seconds, and so do timers and kills: just what the margin is for."""
TWO_OWNERS = r"believes|has a client of"
SEEDS = range(30)


def broken(conditions: Conditions, what: str) -> bool:
    """Whether any of some bad times breaks this promise."""
    return any(re.search(what, found) for seed in SEEDS if (found := _found(conditions, seed)))


def _found(conditions: Conditions, seed: int) -> str:
    try:
        play(conditions, seed)
    except Broken as error:
        return str(error)
    return ""


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**9),
    workers=st.integers(3, 8),
    faults=st.integers(0, 40),
    delay=st.floats(0, 0.3),
    drift=st.floats(0, 0.01),
)
def test_no_session_has_two_owners_and_all_are_up_in_the_end(
    seed: int, workers: int, faults: int, delay: float, drift: float
) -> None:
    small = replace(SMALL, workers=workers, faults=faults, delay=delay, drift=drift)
    story = play(small, seed)
    assert story.fell == small.sessions
    assert sum(story.loads) == small.sessions
    assert max(story.loads) <= small.capacity


def test_messages_timers_and_kills_that_take_seconds_make_no_two_owners() -> None:
    assert not broken(HARSH, TWO_OWNERS)


def test_a_lease_that_is_let_go_of_at_the_last_moment_is_found_out() -> None:
    assert broken(replace(SMALL, timing=Timing(margin=0)), TWO_OWNERS)


def test_a_renewal_that_does_not_ask_how_old_the_lease_is_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def renew(self: Lease, begun_at: float, now: float) -> bool:
        del now
        self.proved_at = max(self.proved_at, begun_at)
        return True

    monkeypatch.setattr(Lease, "renew", renew)
    assert broken(SMALL, TWO_OWNERS)


def test_a_lease_that_is_counted_from_the_answer_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def renew(self: Lease, begun_at: float, now: float) -> bool:
        del begun_at
        holds = self.holds(now)
        self.proved_at = now if holds else self.proved_at
        return holds

    monkeypatch.setattr(Lease, "renew", renew)
    assert broken(HARSH, TWO_OWNERS)


def test_clocks_that_are_further_apart_than_the_margin_allows_are_found_out() -> None:
    assert broken(replace(SMALL, drift=0.4), TWO_OWNERS)


def test_dials_that_are_not_paced_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def permit(_self: Postgres, _job: Job) -> float:
        return 0.0

    monkeypatch.setattr(postgres.Postgres, "permit", permit)
    assert broken(SMALL, "dials within")


def test_workers_that_are_given_more_than_they_can_have_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        postgres,
        "decide",
        lambda rows, _jobs, places: [Give(row.name, places[0].worker) for row in rows if places],
    )
    assert broken(SMALL, "more than it can")


def test_sessions_that_nobody_places_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "decide", lambda *_: [])
    assert broken(SMALL, "are down at the start")
