"""Corners which the mutants found uncovered."""

from __future__ import annotations

import pytest

from wa_supervisor.lifecycle import (
    Budget,
    Clock,
    DeadKeysPlan,
    Phase,
    Policy,
    Reason,
    Session,
    SessionCore,
    State,
    facts,
)
from wa_supervisor.lifecycle.guards import reason_of
from wa_supervisor.testing import VirtualSession


def test_a_scan_heard_before_its_code_ends_the_start_clock_too() -> None:
    play = VirtualSession()
    play.happen(facts.Start())
    play.hear(facts.PairSucceeded)
    assert play.session.clocks == {Clock.LINK: 180.0}
    assert play.hear(facts.Connected).phase_after is Phase.ONLINE


def test_a_refused_pair_code_waits_its_own_time_if_it_was_for_asking_too_often() -> None:
    for limited, wait in [(True, 900.0), (False, 1.0)]:
        play = VirtualSession(Policy(), jitter=lambda: 0.5)
        play.happen(facts.Start())
        step = play.happen(facts.PairCodeRefused(1, limited=limited))
        assert (step.session.not_before, step.session.retries) == (wait, 1)


def test_nothing_is_believed_of_a_child_already_reaped() -> None:
    play = VirtualSession()
    play.happen(facts.Start())
    play.hear(facts.ChildExited, None, 9)
    before = play.session.retries
    for late in (facts.ChildExited(1, None, 9), facts.ClientOutdated(1), facts.Connected(1)):
        assert not play.happen(late).taken
    assert (play.phase, play.session.reason) == (Phase.BACKOFF, Reason.CHILD_EXITED)
    assert play.session.retries == before


def test_a_process_that_could_not_be_started_is_no_crash() -> None:
    for returncode, signal, crashes in [(None, None, 0), (None, 6, 1), (1, None, 1)]:
        play = VirtualSession()
        play.happen(facts.Start())
        play.hear(facts.ChildExited, returncode, signal)
        assert len(play.session.spent.get(Budget.CRASHES, ())) == crashes


def test_a_relink_taken_up_at_a_start_is_not_called_what_went_wrong() -> None:
    owed = Session(
        dead_keys_plan=DeadKeysPlan.PURGE,
        dead_keys_reason=Reason.RELINK,
        cause=Reason.KEEPALIVE_LOST,
    )
    play = VirtualSession(session=owed)
    play.happen(facts.Start())
    assert (play.session.reason, play.session.cause) == (Reason.RELINK, Reason.KEEPALIVE_LOST)


def test_new_numbers_count_from_the_next_decision() -> None:
    core = SessionCore(policy=Policy(start_timeout=5.0), jitter=lambda: 0.0)
    core.update_policy(Policy(start_timeout=7.0))
    core.handle(facts.Start(), 0.0)
    assert core.deadline == 7.0


def test_a_step_says_where_the_session_was() -> None:
    step = SessionCore(jitter=lambda: 0.0).handle(facts.Stop(), 0.0)
    assert (step.before, step.after) == (State.INIT, State.STOPPED)


def test_two_facts_cannot_have_one_name() -> None:
    declare = facts.fact("Start", None)
    with pytest.raises(ValueError, match="two facts are called Start"):
        declare(type("Other", (facts.Fact,), {}))


def test_what_is_no_reason_to_leave_a_state_is_refused_as_one() -> None:
    with pytest.raises(ValueError, match="Start is no reason"):
        reason_of(facts.Start())
