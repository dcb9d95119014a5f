"""Whose turn it is, in virtual time: real cores, a server that answers, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.simulation.crowd import UP, Crowd, most_within
from wa_supervisor.lifecycle import Reason, SessionCore, State, facts
from wa_supervisor.multi.breaker import Breaker
from wa_supervisor.multi.dials import LONGEST_TURN, Dials, Pace


def test_all_come_up_one_after_the_other() -> None:
    crowd = Crowd(60, Pace(at_once=4, apart=0.1))
    crowd.go_on(60 * UP / 4 + 5)
    assert crowd.count(State.CONNECTED) == 60
    assert most_within(crowd.dialled, UP * 0.99) <= 4


def test_those_that_crash_at_once_do_not_come_back_at_once() -> None:
    crowd = Crowd(60, Pace(at_once=100, apart=0.2))
    crowd.go_on(60.0)
    crowd.dialled.clear()
    for name, core in crowd.cores.items():
        crowd.take(name, facts.ChildExited(core.session.generation, None, 9))
    crowd.go_on(120.0)
    assert crowd.count(State.CONNECTED) == 60
    assert most_within(crowd.dialled, 1.0) <= 11


def test_a_dial_that_comes_to_nothing_keeps_the_others_waiting_for_a_while_only() -> None:
    crowd = Crowd(3, Pace(at_once=1, apart=0.0))
    crowd.silent = True
    crowd.go_on(LONGEST_TURN + 1)
    assert [name for _, name in crowd.dialled] == ["s0", "s1"]


def test_when_all_are_refused_one_at_a_time_tries_and_none_is_given_up_for_that() -> None:
    crowd = Crowd(50, Pace(at_once=4, apart=0.1))
    crowd.refused = True
    crowd.go_on(3600.0)
    assert crowd.dials.breaker.reason is Reason.CONNECT_REFUSED
    assert crowd.count(State.GAVE_UP) == 0
    late = [at for at, _ in crowd.dialled if at > 60]
    assert 3 < len(late) < 20, "an hour of growing pauses"
    crowd.refused = False
    crowd.go_on(3600.0 + 900 + 60)
    assert crowd.count(State.CONNECTED) == 50


def refuse_all(crowd: Crowd) -> None:
    """Have WhatsApp say of each session's release that it is too old: all give up."""
    crowd.go_on(30.0)
    for name, core in crowd.cores.items():
        crowd.take(name, facts.ClientOutdated(core.session.generation))
        crowd.go_on(crowd.now + 100.0)
    assert crowd.count(State.GAVE_UP) == len(crowd.names)
    assert not crowd.dials.breaker.is_open, "not within one minute"


@pytest.mark.parametrize("order", [facts.Relink(), facts.Resume()])
def test_an_operator_who_orders_many_within_a_minute_has_none_held(order: facts.Fact) -> None:
    crowd = Crowd(3, Pace(at_once=4, apart=0.1))
    refuse_all(crowd)
    crowd.silent = True
    for name in crowd.names:
        crowd.take(name, order)
    crowd.go_on(crowd.now + 1.0)
    assert not crowd.dials.breaker.is_open


def test_what_was_given_up_before_a_restart_is_no_failure_of_now() -> None:
    crowd = Crowd(3, Pace(at_once=4, apart=0.1))
    refuse_all(crowd)
    later = Dials()
    for name, core in crowd.cores.items():
        later.add(name)
        again = SessionCore(core.session.recalled(0.0), jitter=lambda: 0.5)
        later.hear(name, again.handle(facts.Start(), 0.0), 0.0)
        assert again.session.phase.state is State.GAVE_UP
    assert not later.breaker.is_open


def test_a_session_that_an_operator_resumes_is_next_though_all_are_held() -> None:
    crowd = Crowd(5, Pace(at_once=4, apart=0.1))
    crowd.refused = True
    crowd.go_on(3600.0)
    assert crowd.dials.breaker.is_open
    crowd.refused = False
    crowd.take("s3", facts.Resume())
    crowd.go_on(3600.0 + 10.0)
    assert crowd.dialled[-5][1] == "s3"
    assert crowd.count(State.CONNECTED) == 5


def test_after_an_outage_of_hours_all_are_back_within_a_minute() -> None:
    breaker = Breaker()
    for name in "abc":
        breaker.note_failure(name, Reason.DIAL_FAILED, 0.0, 3)
    now = 0.0
    while now < 7200.0:
        now = breaker.next_try
        breaker.note_try(now)
    assert breaker.next_try - now <= 30.0


def test_sessions_that_nobody_has_scanned_yet_are_back_when_the_first_shows_its_code() -> None:
    crowd = Crowd(5, Pace(at_once=4, apart=0.1))
    crowd.unpaired = True
    crowd.go_on(10.0)
    assert crowd.count(State.PAIRING) == 5
    for name, core in crowd.cores.items():  # as when a neonize crashes while it pairs
        crowd.take(name, facts.ChildExited(core.session.generation, None, 9))
    assert crowd.dials.breaker.is_open
    crowd.go_on(crowd.now + 20.0)
    assert crowd.count(State.PAIRING) == 5


def test_those_that_die_with_our_own_fork_server_are_no_sign_of_whatsapp_and_come_back() -> None:
    crowd = Crowd(60, Pace(at_once=4, apart=0.1))
    crowd.go_on(30.0)
    for name, core in crowd.cores.items():  # nobody could learn how they ended
        crowd.take(name, facts.ChildExited(core.session.generation, None, None))
    assert not crowd.dials.breaker.is_open
    crowd.go_on(crowd.now + 30.0)
    assert crowd.count(State.CONNECTED) == 60


def test_a_session_that_is_removed_leaves_its_turn_to_the_next() -> None:
    crowd = Crowd(3, Pace(at_once=1, apart=0.0))
    crowd.silent = True
    crowd.go_on(1.0)
    crowd.remove("s0")
    crowd.go_on(2.0)
    assert [name for _, name in crowd.dialled] == ["s0", "s1"]


@given(
    count=st.integers(1, 12),
    at_once=st.integers(1, 5),
    seed=st.integers(0, 2**16),
    crashes=st.lists(st.tuples(st.floats(0.1, 5.0), st.integers(0, 11)), max_size=12),
)
def test_whatever_crashes_when_no_more_dial_at_once_than_may_and_all_come_up(
    count: int, at_once: int, seed: int, crashes: list[tuple[float, int]]
) -> None:
    crowd = Crowd(count, Pace(at_once=at_once, apart=0.05), seed)
    for seconds, number in crashes:
        crowd.go_on(crowd.now + seconds)
        name = crowd.names[number % count]
        session = crowd.cores[name].session
        if session.phase.state is State.CONNECTED:
            crowd.take(name, facts.ChildExited(session.generation, None, 9))
    crowd.go_on(crowd.now + 3600.0)
    assert crowd.count(State.CONNECTED) == count
    assert most_within(crowd.dialled, UP * 0.99) <= at_once


@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_come_up_at_the_pace_that_is_set(count: int) -> None:
    dials = Dials(Pace(at_once=4, apart=0.1))
    core = SessionCore(jitter=lambda: 0.5)
    core.handle(facts.DialsHeld("in turn"), 0.0)
    waits = core.handle(facts.Start(), 0.0)
    for number in range(count):
        dials.add(str(number))
        dials.hear(str(number), waits, 0.0)
    up = core.handle(facts.DialAllowed(), 0.0)
    connected = core.handle(facts.Connected(1), 0.0)
    now, dice = 0.0, random.Random(1)
    for number in range(count):
        due = dials.deadline(now)
        assert due is not None
        now = max(now, due)
        name = dials.grant(now, dice.random())
        assert name == str(number)
        dials.hear(name, up, now)
        dials.hear(name, connected, now)
    assert now == pytest.approx(0.1 * count, rel=0.05)
