"""What is remembered, for how long, and what a restart keeps."""

from __future__ import annotations

from pydantic import SecretStr

from wa_supervisor.lifecycle import (
    Budget,
    DeadKeysPlan,
    Limit,
    Phase,
    Policy,
    Reason,
    Session,
    facts,
)
from wa_supervisor.testing import VirtualSession


def test_a_stable_connection_forgives_the_pairing_windows() -> None:
    for up, opened in [(60.0, Phase.PAIRING), (59.0, Phase.GAVE_UP)]:
        play = VirtualSession(Policy(windows=Limit(count=1, window=86400.0)))
        play.happen(facts.Start())
        play.hear(facts.QrOffered, SecretStr("q"), 60.0)
        play.hear(facts.PairSucceeded)
        play.hear(facts.Connected)
        play.advance(up)
        play.restart()
        play.happen(facts.Start())
        assert play.hear(facts.QrOffered, SecretStr("q"), 60.0).phase_after is opened


def test_a_shorter_ban_does_not_shorten_the_one_before() -> None:
    play = VirtualSession(jitter=lambda: 0.5)
    play.happen(facts.Start())
    play.hear(facts.TemporaryBan, 101, 7200.0)
    play.hear(facts.TemporaryBan, 101, 60.0)
    assert play.session.ban_until == 7230.0


def test_a_ban_heard_while_given_up_is_waited_out_by_resume() -> None:
    play = VirtualSession(jitter=lambda: 0.5)
    play.happen(facts.Start())
    play.hear(facts.ClientOutdated)
    assert play.hear(facts.TemporaryBan, 101, 3600.0).taken
    step = play.happen(facts.Resume())
    assert (step.phase_after, step.reason, step.session.not_before) == (
        Phase.BACKOFF,
        Reason.TEMPORARY_BAN,
        3630.0,
    )


def test_an_operators_word_clears_every_budget_but_the_dials() -> None:
    spent: dict[Budget, tuple[float, ...]] = dict.fromkeys(Budget, (1.0, 2.0))
    play = VirtualSession(
        session=Session(phase=Phase.GAVE_UP, given_up=Reason.REPLACED, spent=spent), now=10.0
    )
    play.happen(facts.Resume())
    assert play.session.spent == {Budget.DIALS: (1.0, 2.0)}


def test_a_revived_session_keeps_what_was_learnt_and_shifts_its_times() -> None:
    session = Session(
        phase=Phase.BACKOFF,
        reason=Reason.DIAL_FAILED,
        cause=Reason.DIAL_FAILED,
        detail="refused",
        generation=7,
        retries=3,
        strikes=1,
        dead_keys_plan=DeadKeysPlan.RESTORE,
        dead_keys_reason=Reason.LOGIN_REJECTED,
        not_before=100.0,
        ban_until=200.0,
        spent={Budget.DIALS: (10.0, 20.0)},
    )
    revived = session.remembered(50.0).recalled(0.0)
    assert revived == Session(
        reason=Reason.DIAL_FAILED,
        cause=Reason.DIAL_FAILED,
        detail="refused",
        generation=7,
        retries=3,
        strikes=1,
        dead_keys_plan=DeadKeysPlan.RESTORE,
        dead_keys_reason=Reason.LOGIN_REJECTED,
        not_before=50.0,
        ban_until=150.0,
        spent={Budget.DIALS: (-40.0, -30.0)},
    )


def test_no_wait_is_recalled_as_longer_than_the_longest_and_nothing_as_spent_later() -> None:
    kept = Session(not_before=1e9, ban_until=50.0, spent={Budget.DIALS: (-5.0, 70.0)})
    found = kept.recalled(100.0, silence=10.0, longest=3600.0)
    assert (found.not_before, found.ban_until) == (3700.0, 140.0)
    assert found.spent == {Budget.DIALS: (85.0, 100.0 + 0.0)}


def test_other_keys_owe_nothing_to_the_dead_and_the_session_before_is_untouched() -> None:
    held = Session(
        phase=Phase.GAVE_UP,
        dead_keys_plan=DeadKeysPlan.HOLD,
        dead_keys_reason=Reason.LOCKED,
        strikes=2,
        retries=3,
    )
    assert held.with_other_keys() == Session(phase=Phase.GAVE_UP, retries=3)
    assert held.strikes == 2


def test_what_has_no_end_has_none_after_a_restart() -> None:
    found = Session(retries=1).remembered(50.0).recalled(100.0, silence=10.0, longest=3600.0)
    assert (found.not_before, found.ban_until) == (None, None)
