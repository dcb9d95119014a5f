"""Corners which the mutants found uncovered."""

from __future__ import annotations

from wa_supervisor.lifecycle import Budget, Clock, Phase, Policy, Reason, facts
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
