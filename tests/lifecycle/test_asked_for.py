"""What the core asks of the shell besides starting and stopping, and when it does not."""

from __future__ import annotations

import math

import pytest
from pydantic import SecretStr

from wa_supervisor.hints import Action
from wa_supervisor.lifecycle import (
    Backoff,
    Clock,
    Logout,
    Phase,
    Policy,
    Reason,
    SessionCore,
    State,
    effects,
    facts,
)
from wa_supervisor.lifecycle.policy import DAY, Limit
from wa_supervisor.testing import VirtualSession


def up(policy: Policy | None = None) -> VirtualSession:
    play = VirtualSession(policy or Policy(), jitter=lambda: 0.5)
    play.happen(facts.Start())
    play.hear(facts.Connected)
    return play


def asked(play: VirtualSession, kind: type[effects.Effect]) -> list[effects.Effect]:
    return [effect for step in play.steps for effect in step.effects if isinstance(effect, kind)]


# -- crash reports


@pytest.mark.parametrize("fact", [facts.ChildExited(1, None, 6), facts.ChildExited(1, 1, None)])
def test_a_process_that_dies_unasked_is_reported(fact: facts.ChildExited) -> None:
    play = up()
    assert effects.ReportCrash(fact) in play.happen(fact).effects


def test_a_process_that_was_told_to_end_is_not_reported_however_it_ends() -> None:
    play = up()
    play.happen(facts.Stop())
    play.hear(facts.ChildExited, None, 9)
    assert asked(play, effects.ReportCrash) == []


def test_a_process_whose_end_could_not_be_learnt_is_not_reported() -> None:
    play = up()
    play.hear(facts.ChildExited, None, None)
    assert asked(play, effects.ReportCrash) == []


@pytest.mark.parametrize("ends", [facts.BotFailed, facts.BotEventUnusable])
def test_a_process_that_its_bot_ended_is_reported_though_it_is_being_stopped(
    ends: type[facts.BotFailed | facts.BotEventUnusable],
) -> None:
    play = up()
    play.hear(ends, "the last it said")
    play.hear(facts.ChildExited, 5, None)
    assert len(asked(play, effects.ReportCrash)) == 1
    play.ring()
    play.hear(facts.DialFailed, "refused")
    play.hear(facts.ChildExited, 0, None)
    assert len(asked(play, effects.ReportCrash)) == 1  # the next one ended as it was told to


def test_a_bot_is_not_busy_any_more_once_its_process_is_gone() -> None:
    play = up()
    play.hear(facts.BotBusy, 31.0)
    assert play.session.bot_busy
    play.hear(facts.ChildExited, None, 9)
    assert not play.session.bot_busy


# -- snapshots


def test_a_session_is_copied_after_the_scan_at_its_first_login_and_when_it_is_stable() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    play.hear(facts.QrOffered, SecretStr("q"), 60.0)
    assert asked(play, effects.TakeSnapshot) == []
    play.hear(facts.PairSucceeded)
    play.hear(facts.Connected)
    play.advance(60)
    copies = [effects.TakeSnapshot(only_if_none=older) for older in (True, True, False)]
    assert asked(play, effects.TakeSnapshot) == copies


def test_where_a_connection_counts_as_stable_at_once_it_is_copied_at_once() -> None:
    play = up(Policy(backoff=Backoff(stable_after=0)))
    assert asked(play, effects.TakeSnapshot) == [effects.TakeSnapshot(only_if_none=False)]


def test_pings_that_are_answered_again_are_no_login() -> None:
    play = up()
    play.hear(facts.KeepAliveTimeout, 1)
    assert play.hear(facts.KeepAliveRestored).effects == ()


@pytest.mark.parametrize("how", [Logout.LOCKED, Logout.BANNED])
def test_an_account_shut_out_at_its_first_login_can_be_resumed_once_it_is_let_in_again(
    how: Logout,
) -> None:
    """Its keys were copied when the phone scanned, before the login that was refused."""
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    step = play.hear(facts.PairSucceeded)
    assert effects.TakeSnapshot(only_if_none=True) in step.effects
    play.hear(facts.LoggedOut, how)
    play.hear(facts.ChildExited, 0, None)
    assert [type(e) for e in play.happen(facts.Resume()).effects] == [effects.RestoreSession]
    assert play.happen(facts.RestoreDone()).after is State.BACKOFF


def test_where_no_copy_was_taken_only_a_relink_helps_and_that_is_said() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    play.hear(facts.LoggedOut, Logout.LOCKED)
    assert play.hear(facts.ChildExited, 0, None).reason is Reason.LOCKED
    for _ in range(2):
        play.happen(facts.Resume())
        step = play.happen(facts.NothingToRestore())
        assert (step.after, step.reason) == (State.GAVE_UP, Reason.NO_KEYS_LEFT)
    assert [hint.action for hint in Reason.NO_KEYS_LEFT.explanation.hints] == [
        Action.OPEN_WHATSAPP,
        Action.RELINK,
    ]
    play.happen(facts.Relink())
    assert play.phase is Phase.PURGING


# -- rejected logins that nobody heard


def test_dead_keys_are_presented_twice_though_the_first_answer_went_unheard() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())  # the keys are gone: whatsmeow was told, and died before it said so
    assert play.hear(facts.LoggedOut, Logout.UNHEARD).after is State.LOGGED_OUT
    step = play.hear(facts.StartRefused, "its keys are gone")
    assert [type(e) for e in step.effects] == [effects.RestoreSession]
    play.happen(facts.RestoreDone())
    play.ring()
    play.hear(facts.LoggedOut, Logout.REJECTED)
    assert play.hear(facts.ChildExited, 0, None).after is State.PURGING


def test_dead_keys_are_presented_twice_though_the_second_answer_went_unheard() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.RestoreDone())
    play.ring()  # dialled with the copy, and killed before the answer was heard
    play.restart()
    play.happen(facts.Start())
    play.ring()
    play.hear(facts.LoggedOut, Logout.UNHEARD)
    assert play.hear(facts.StartRefused, "its keys are gone").after is State.PURGING


# -- bans that last longer than the window in which they are counted


def test_a_third_ban_of_forty_days_is_held_for_an_operator() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    for _ in range(2):
        step = play.hear(facts.TemporaryBan, 101, 40 * DAY)
        assert (step.after, step.reason) == (State.BACKOFF, Reason.TEMPORARY_BAN)
        play.hear(facts.ChildExited, 0, None)
        play.ring()
        play.hear(facts.Connected)
    step = play.hear(facts.TemporaryBan, 101, 40 * DAY)
    assert (step.after, step.reason) == (State.GAVE_UP, Reason.BANNED_AGAIN)


# -- the network


LONG = Policy(backoff=Backoff(base=600.0, cap=600.0, jitter=0))


@pytest.mark.parametrize("ends", [facts.Resume(), facts.Stop(), facts.Relink()])
def test_the_network_is_watched_while_waiting_for_it_and_no_longer(ends: facts.Fact) -> None:
    play = VirtualSession(LONG)
    play.happen(facts.Start())
    step = play.hear(facts.DialFailed, "refused")
    assert effects.WatchNetwork() in step.effects
    play.hear(facts.ChildExited, 0, None)
    play.happen(ends)
    play.advance(0)
    assert asked(play, effects.StopWatchingNetwork) == [effects.StopWatchingNetwork()]
    assert not play.session.watching_network


@pytest.mark.parametrize(
    ("wait", "fact"), [(600.0, facts.ConnectFailure(1, 501)), (5.0, facts.DialFailed(1, ""))]
)
def test_a_short_wait_or_one_for_something_else_watches_no_network(
    wait: float, fact: facts.Fact
) -> None:
    play = VirtualSession(Policy(backoff=Backoff(base=wait, cap=wait, jitter=0)))
    play.happen(facts.Start())
    play.happen(fact)
    play.hear(facts.ChildExited, 0, None)
    play.ring()
    assert asked(play, effects.WatchNetwork) == []
    assert asked(play, effects.StopWatchingNetwork) == []


# -- the inbox


def test_a_full_inbox_ends_the_client_and_costs_no_retry() -> None:
    play = up()
    step = play.happen(facts.InboxFull())
    assert (step.after, step.reason, play.session.retries) == (State.BACKOFF, Reason.INBOX_FULL, 0)
    play.hear(facts.ChildExited, 0, None)
    play.advance(7 * 86400)
    assert (play.phase, play.generation) == (Phase.BACKOFF, 1)


def test_room_in_the_inbox_brings_the_client_back_at_once() -> None:
    play = up()
    play.happen(facts.InboxFull())
    play.hear(facts.ChildExited, 0, None)
    play.advance(3600)
    play.happen(facts.InboxDrained())
    play.advance(10)
    assert (play.phase, play.generation) == (Phase.INIT, 2)


def test_an_inbox_that_fills_up_while_waiting_lengthens_the_wait() -> None:
    play = up()
    play.hear(facts.StreamReplaced)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.InboxFull())
    assert play.session.reason is Reason.REPLACED
    play.advance(60)
    assert (play.phase, play.session.reason) == (Phase.BACKOFF, Reason.INBOX_FULL)


def test_a_supervisor_that_starts_with_a_full_inbox_dials_when_it_was_read() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.InboxFull())
    assert play.happen(facts.Start()).reason is Reason.INBOX_FULL
    play.advance(3600)
    assert play.generation == 0
    play.happen(facts.InboxDrained())
    play.advance(10)
    assert play.generation == 1


def test_a_full_inbox_does_not_keep_a_start_from_dealing_with_dead_keys_first() -> None:
    play = up()
    play.hear(facts.LoggedOut, Logout.REMOVED)
    play.restart()
    assert not play.happen(facts.InboxFull()).effects
    assert play.happen(facts.Start()).after is State.PURGING


def test_a_full_inbox_ends_no_ban() -> None:
    play = up()
    play.hear(facts.TemporaryBan, 101, 3600.0)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.InboxFull())
    play.happen(facts.InboxDrained())
    play.advance(3599)
    assert play.generation == 1


def test_room_in_the_inbox_shortens_no_other_wait() -> None:
    play = up()
    play.hear(facts.StreamReplaced)
    play.hear(facts.ChildExited, 0, None)
    due = play.deadline
    play.happen(facts.InboxFull())
    play.happen(facts.InboxDrained())
    assert play.deadline == due


# -- restart


def test_a_restart_is_no_retry_and_cuts_no_wait_short() -> None:
    play = VirtualSession(Policy(), jitter=lambda: 0.5)
    play.happen(facts.Start())
    play.hear(facts.DialFailed, "no route")
    play.hear(facts.ChildExited, 0, None)
    assert not play.happen(facts.Restart()).taken  # nothing runs: the next try is a new process
    play.ring()
    assert (play.phase, play.generation, play.session.retries) == (Phase.INIT, 2, 1)
    assert play.happen(facts.Restart()).effects == (effects.StopChild(2),)
    assert (play.phase, play.session.reason) == (Phase.BACKOFF, Reason.RESTARTING)
    assert not play.happen(facts.Restart()).taken
    play.hear(facts.ChildExited, 0, None)
    assert (play.phase, play.generation, play.session.retries) == (Phase.INIT, 3, 1)


def test_a_restart_before_the_start_means_nothing() -> None:
    play = VirtualSession(Policy())
    assert not play.happen(facts.Restart()).taken
    assert play.happen(facts.Start()).effects == (effects.StartChild(1),)


def test_restarts_spend_the_dials_of_the_hour_and_then_wait() -> None:
    play = up(policy := Policy())
    for _ in range(policy.dials.count - 1):
        play.happen(facts.Restart())
        play.hear(facts.ChildExited, 0, None)
        play.hear(facts.Connected)
    assert (play.phase, play.generation) == (Phase.ONLINE, policy.dials.count)
    play.happen(facts.Restart())
    play.hear(facts.ChildExited, 0, None)
    assert (play.phase, play.session.reason) == (Phase.BACKOFF, Reason.DIAL_BUDGET)
    assert play.session.retries == 0


def test_a_bot_that_was_restarted_is_offered_again_what_it_could_not_have() -> None:
    play = up()
    play.hear(facts.BotEventUnusable, "CallOfferEv")
    play.hear(facts.ChildExited, 1, None)
    play.ring()
    assert play.session.events_left_out == ("CallOfferEv",)
    play.happen(facts.Restart())
    step = play.hear(facts.ChildExited, 0, None)
    assert step.effects == (effects.StartChild(3),)


# -- one of many


HELD = facts.DialsHeld("two at a time")


def test_a_held_session_dials_once_each_time_it_is_allowed_to() -> None:
    play = VirtualSession(Policy())
    play.happen(HELD)
    play.happen(facts.Start())
    play.advance(3600)
    assert (play.phase, play.session.reason, play.generation) == (Phase.BACKOFF, Reason.HELD, 0)
    assert play.session.detail == "two at a time"
    play.happen(facts.DialAllowed())
    assert (play.phase, play.generation, play.session.reason) == (Phase.INIT, 1, None)
    play.hear(facts.DialFailed, "no route")
    play.hear(facts.ChildExited, 0, None)
    play.advance(3600)
    assert (play.session.reason, play.session.cause) == (Reason.HELD, Reason.DIAL_FAILED)
    assert play.session.retries == 1
    play.happen(facts.DialAllowed())
    assert (play.generation, play.session.reason) == (2, Reason.DIAL_FAILED)
    assert play.session.detail == ""


def test_a_restart_while_held_keeps_to_the_dial_budget() -> None:
    play = VirtualSession(Policy(dials=Limit(count=1, window=3600.0)))
    play.happen(HELD)
    play.happen(facts.Start())
    play.happen(facts.DialAllowed())
    play.hear(facts.DialFailed, "no route")
    play.hear(facts.ChildExited, 0, None)
    play.session.reason = Reason.HELD
    play.restart()
    assert play.happen(facts.Start()).reason is Reason.DIAL_BUDGET
    play.advance(3500)
    assert play.generation == 1
    play.advance(200)
    assert play.generation == 2


def test_why_all_are_held_is_shown_at_once_and_looked_at_again() -> None:
    play = VirtualSession(Policy())
    play.happen(HELD)
    play.happen(facts.Start())
    play.happen(facts.DialsHeld("all fail alike"))
    assert play.session.detail == "all fail alike"
    assert play.deadline is not None


def test_being_allowed_to_dial_ends_no_wait_of_its_own() -> None:
    play = up()
    play.happen(HELD)
    play.hear(facts.TemporaryBan, 101, 3600.0)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.DialAllowed())
    play.advance(3599)
    assert (play.session.reason, play.generation) == (Reason.TEMPORARY_BAN, 1)


def test_a_session_that_is_up_stays_up_when_dials_are_held() -> None:
    play = up()
    assert not play.happen(HELD).effects
    assert play.phase is Phase.ONLINE


def test_a_held_session_whose_inbox_is_full_lets_its_turn_go_by() -> None:
    play = VirtualSession(Policy())
    play.happen(HELD)
    play.happen(facts.Start())
    play.advance(1)
    play.happen(facts.InboxFull())
    play.happen(facts.DialAllowed())
    assert play.generation == 0


def test_a_held_session_is_held_no_longer_than_its_supervisor_lives() -> None:
    play = VirtualSession(Policy())
    play.happen(HELD)
    play.happen(facts.Start())
    play.advance(1)
    play.restart()
    play.happen(facts.Start())
    assert play.generation == 1


# -- events that neonize cannot hand over


def test_the_next_process_leaves_the_unusable_event_out_and_says_which() -> None:
    play = up()
    step = play.hear(facts.BotEventUnusable, "Receipt")
    assert (step.reason, play.session.detail) == (Reason.BOT_EVENT_UNUSABLE, "Receipt")
    play.hear(facts.ChildExited, 2, None)
    play.restart()
    play.happen(facts.Start())
    play.ring()
    assert asked(play, effects.StartChild)[-1] == effects.StartChild(2, ("Receipt",))
    play.hear(facts.BotEventUnusable, "ChatPresence")
    play.hear(facts.ChildExited, 2, None)
    play.ring()
    both = ("ChatPresence", "Receipt")
    assert asked(play, effects.StartChild)[-1] == effects.StartChild(3, both)


def test_an_operators_resume_tries_every_event_again() -> None:
    play = up()
    play.hear(facts.BotEventUnusable, "Receipt")
    play.hear(facts.ChildExited, 2, None)
    play.happen(facts.Resume())
    play.ring()
    assert asked(play, effects.StartChild)[-1] == effects.StartChild(2, ())


# -- what is said


def test_the_reason_of_a_failed_dial_does_not_stay_through_pairing() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    play.hear(facts.DialFailed, "refused")
    play.hear(facts.ChildExited, 0, None)
    play.ring()
    step = play.hear(facts.QrOffered, SecretStr("q"), 60.0)
    told = (step.reason, step.session.cause, step.session.detail)
    assert (step.after, told) == (State.PAIRING, (None, None, ""))


def test_why_a_phone_must_scan_again_stays_known_until_it_did() -> None:
    play = up()
    play.hear(facts.LoggedOut, Logout.REMOVED)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.PurgeDone())
    play.ring()
    assert play.hear(facts.QrOffered, SecretStr("q"), 60.0).reason is Reason.PURGED
    assert play.hear(facts.PairSucceeded).reason is None


def test_a_start_that_was_refused_says_why_and_is_no_crash() -> None:
    play = VirtualSession(Policy())
    play.happen(facts.Start())
    step = play.hear(facts.StartRefused, "the disk is full")
    assert (step.after, step.reason) == (State.BACKOFF, Reason.START_REFUSED)
    assert step.session.detail == "the disk is full"
    assert step.session.clocks.keys() == {Clock.RETRY}
    assert "crashes" not in {budget.value for budget in step.session.spent}


# -- time


@pytest.mark.parametrize("now", [math.inf, -math.inf, math.nan])
def test_time_that_is_no_finite_number_is_refused_in_words_and_changes_nothing(now: float) -> None:
    core = SessionCore(jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    before = core.session.copy()
    with pytest.raises(ValueError, match=r"finite number of seconds"):
        core.handle(facts.Connected(1), now)
    with pytest.raises(ValueError, match=r"finite number of seconds"):
        core.tick(now)
    assert core.session == before
