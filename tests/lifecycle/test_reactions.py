"""Every row of the reaction table: where, what happens, where it leads, why, what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from wa_supervisor.lifecycle import (
    PROFILES,
    Backoff,
    Budget,
    Clock,
    Conflict,
    Limit,
    Logout,
    Phase,
    Policy,
    Reason,
    SessionCore,
    State,
    facts,
)
from wa_supervisor.testing import VirtualSession

if TYPE_CHECKING:
    from wa_supervisor.lifecycle.facts import Fact

DAY = 86400.0
G = 1  # the generation of the first child


def at(phase: Phase, policy: Policy | None = None) -> VirtualSession:
    """A session that came to this phase the usual way. Its child is of generation 1."""
    play = VirtualSession(policy or Policy(), jitter=lambda: 0.5)
    play.happen(facts.Start())
    ways: dict[Phase, tuple[Fact, ...]] = {
        Phase.INIT: (),
        Phase.PAIRING: (facts.QrOffered(G, SecretStr("q"), 60.0),),
        Phase.LINKING: (facts.PairSucceeded(G),),
        Phase.ONLINE: (facts.Connected(G),),
        Phase.DEGRADED: (facts.Connected(G), facts.KeepAliveTimeout(G, 1)),
        Phase.RECONNECTING: (facts.Connected(G), facts.Disconnected(G)),
        Phase.LOGGED_OUT: (facts.LoggedOut(G, Logout.REMOVED),),
        Phase.PURGING: (facts.LoggedOut(G, Logout.REMOVED), facts.ChildExited(G, 0, None)),
        Phase.BACKOFF: (facts.DialFailed(G, "refused"),),
        Phase.GAVE_UP: (facts.ClientOutdated(G),),
        Phase.STOPPED: (facts.Stop(),),
    }
    for fact in ways[phase]:
        play.happen(fact)
    assert play.phase is phase
    return play


INI, P, LINK = Phase.INIT, Phase.PAIRING, Phase.LINKING
ON, DEG, REC = Phase.ONLINE, Phase.DEGRADED, Phase.RECONNECTING
OUT, PUR, BACK, GONE, END = (
    Phase.LOGGED_OUT,
    Phase.PURGING,
    Phase.BACKOFF,
    Phase.GAVE_UP,
    Phase.STOPPED,
)
R = Reason

REACTIONS: list[tuple[tuple[Phase, ...], Fact, Phase, Reason | None, str]] = [
    # what happened where -> where to, why, what is asked for
    ((INI,), facts.QrOffered(G, SecretStr("q"), 60.0), P, None, "ShowQr"),
    ((INI,), facts.PairCodeOffered(G, SecretStr("c"), 160.0), P, None, "ShowPairCode"),
    ((P,), facts.QrOffered(G, SecretStr("q"), 20.0), P, None, "ShowQr"),
    ((INI,), facts.PairSucceeded(G), LINK, None, "TakeSnapshot"),
    ((P,), facts.PairSucceeded(G), LINK, None, "HidePairing TakeSnapshot"),
    ((LINK,), facts.PairingFailed(G, "error"), BACK, R.PAIRING_FAILED, "StopChild"),
    ((LINK,), facts.LoggedOut(G, Logout.LOCKED), OUT, R.LOCKED, "StopChild"),
    ((P,), facts.ScannedWithoutMultidevice(G), P, None, "Notify"),
    ((P,), facts.PairingTimedOut(G), BACK, R.PAIRING_FAILED, "HidePairing StopChild"),
    ((P,), facts.PairingFailed(G, "error"), BACK, R.PAIRING_FAILED, "HidePairing StopChild"),
    ((INI,), facts.PairCodeRefused(G, limited=True), BACK, R.PAIR_CODE_LIMITED, "StopChild"),
    ((INI,), facts.PairCodeRefused(G, limited=False), BACK, R.PAIRING_FAILED, "StopChild"),
    ((P,), facts.PasskeyRequested(G), GONE, R.PASSKEY_REQUIRED, "HidePairing StopChild Notify"),
    ((INI, LINK, DEG, REC), facts.Connected(G), ON, None, "TakeSnapshot"),
    ((P,), facts.Connected(G), ON, None, "HidePairing TakeSnapshot"),
    ((ON,), facts.KeepAliveTimeout(G, 1), DEG, None, "Probe"),
    ((DEG,), facts.ProbeAnswered(G), ON, None, ""),
    ((ON, DEG, REC), facts.ChildSilent(G), BACK, R.CHILD_HUNG, "StopChild"),
    ((BACK,), facts.NetworkBack(), BACK, R.DIAL_FAILED, ""),
    ((DEG,), facts.KeepAliveRestored(G), ON, None, ""),
    ((ON, DEG), facts.Disconnected(G), REC, None, ""),
    ((INI, ON, DEG, REC), facts.DialFailed(G, ""), BACK, R.DIAL_FAILED, "StopChild"),
    ((INI, ON, REC), facts.ConnectFailure(G, 501), BACK, R.CONNECT_REFUSED, "StopChild"),
    ((INI, LINK, ON, DEG, REC), facts.ChildExited(G, None, 6), BACK, R.CHILD_EXITED, "ReportCrash"),
    ((P,), facts.ChildExited(G, None, 9), BACK, R.CHILD_EXITED, "ReportCrash HidePairing"),
    ((INI,), facts.ChildExited(G, None, None), BACK, R.CHILD_EXITED, ""),
    ((INI,), facts.StartRefused(G, "the disk is full"), BACK, R.START_REFUSED, ""),
    ((BACK,), facts.StartRefused(G, ""), BACK, R.DIAL_FAILED, ""),
    ((INI, ON), facts.BotFailed(G, ""), BACK, R.BOT_FAILED, "StopChild"),
    ((ON,), facts.BotEventUnusable(G, "Receipt"), BACK, R.BOT_EVENT_UNUSABLE, "StopChild"),
    ((INI, ON), facts.InboxFull(), BACK, R.INBOX_FULL, "StopChild"),
    ((P,), facts.InboxFull(), BACK, R.INBOX_FULL, "HidePairing StopChild"),
    ((BACK,), facts.InboxFull(), BACK, R.DIAL_FAILED, ""),
    ((INI,), facts.StorageUnavailable(G, ""), BACK, R.STORAGE_UNAVAILABLE, "StopChild"),
    ((INI,), facts.ClientUnusable(G, ""), GONE, R.CLIENT_UNUSABLE, "StopChild Notify"),
    ((BACK,), facts.ClientUnusable(G, ""), GONE, R.CLIENT_UNUSABLE, "Notify"),
    ((INI, ON, REC), facts.BadUserAgent(G), GONE, R.BAD_USER_AGENT, "StopChild Notify"),
    ((INI, ON, REC), facts.ClientOutdated(G), GONE, R.OUTDATED, "StopChild Notify"),
    ((INI, ON), facts.StorageFailed(G, ""), GONE, R.STORAGE_FAILED, "StopChild Notify"),
    ((INI, ON, REC), facts.StreamReplaced(G), BACK, R.REPLACED, "StopChild"),
    ((INI, REC), facts.TemporaryBan(G, 101, 60.0), BACK, R.TEMPORARY_BAN, "Notify StopChild"),
    ((INI, ON, DEG, REC), facts.LoggedOut(G, Logout.REMOVED), OUT, R.LOGGED_OUT, "StopChild"),
    ((INI, REC), facts.LoggedOut(G, Logout.REJECTED), OUT, R.LOGIN_REJECTED, "StopChild"),
    ((INI, REC), facts.LoggedOut(G, Logout.LOCKED), OUT, R.LOCKED, "StopChild"),
    ((INI, REC), facts.LoggedOut(G, Logout.BANNED), OUT, R.BANNED, "StopChild"),
    ((BACK,), facts.LoggedOut(G, Logout.REMOVED), OUT, R.LOGGED_OUT, ""),
    ((BACK,), facts.ClientOutdated(G), GONE, R.OUTDATED, "Notify"),
    ((BACK,), facts.StreamReplaced(G), BACK, R.REPLACED, ""),
    ((BACK,), facts.TemporaryBan(G, 101, 60.0), BACK, R.TEMPORARY_BAN, "Notify"),
    ((BACK,), facts.ChildExited(G, 0, None), BACK, R.DIAL_FAILED, ""),
    ((OUT,), facts.ChildExited(G, 0, None), PUR, R.LOGGED_OUT, "PurgeSession"),
    ((PUR,), facts.PurgeDone(), BACK, R.PURGED, "Notify"),
    ((PUR,), facts.PurgeFailed("disk"), GONE, R.PURGE_FAILED, "Notify"),
    ((GONE,), facts.ChildExited(G, 0, None), GONE, R.OUTDATED, ""),
    ((END,), facts.ChildExited(G, 0, None), END, R.STOPPED, ""),
    # the operator, everywhere
    ((INI, ON, DEG, REC), facts.Stop(), END, R.STOPPED, "StopChild"),
    ((P,), facts.Stop(), END, R.STOPPED, "HidePairing StopChild"),
    ((OUT, PUR, BACK, GONE), facts.Stop(), END, R.STOPPED, ""),
    ((BACK, GONE), facts.Resume(), BACK, R.RESUMED, ""),
    ((INI, LINK, ON, DEG, REC), facts.Restart(), BACK, R.RESTARTING, "StopChild"),
    ((P,), facts.Restart(), BACK, R.RESTARTING, "HidePairing StopChild"),
    ((INI, ON, DEG, REC), facts.Relink(), OUT, R.RELINK, "StopChild"),
    ((P,), facts.Relink(), OUT, R.RELINK, "HidePairing StopChild"),
    ((OUT, BACK, GONE), facts.Relink(), OUT, R.RELINK, ""),
    ((PUR,), facts.Relink(), PUR, R.RELINK, ""),
]


@pytest.mark.parametrize(
    ("here", "fact", "there", "why", "asked"),
    [
        pytest.param(here, fact, *rest, id=f"{here.value}: {fact.name}")
        for places, fact, *rest in REACTIONS
        for here in places
    ],
)
def test_the_reaction_is_the_promised_one(
    here: Phase, fact: Fact, there: Phase, why: Reason | None, asked: str
) -> None:
    step = at(here).happen(fact)
    assert step.taken
    assert (step.phase_before, step.phase_after, step.reason) == (here, there, why)
    assert " ".join(effect.name for effect in step.effects) == asked


IGNORED: list[tuple[tuple[Phase, ...], Fact]] = [
    ((INI, P, LINK, ON, DEG, REC, OUT, PUR), facts.Resume()),
    ((INI, P, LINK, ON, DEG, REC, OUT, PUR, BACK, GONE, END), facts.Start()),
    ((END,), facts.Resume()),
    ((OUT, PUR, BACK, GONE, END), facts.Restart()),
    ((END,), facts.Relink()),
    ((END,), facts.Stop()),
    ((ON, REC), facts.QrOffered(G, SecretStr("q"), 60.0)),
    ((ON,), facts.Connected(G)),
    ((REC,), facts.Disconnected(G)),
    ((INI, P), facts.Disconnected(G)),
    ((DEG, REC), facts.KeepAliveTimeout(G, 2)),
    ((ON, REC), facts.KeepAliveRestored(G)),
    ((INI, P, LINK, ON, DEG, REC, OUT, PUR, BACK, GONE), facts.StreamError(G, "511")),
    ((BACK, OUT, GONE), facts.DialFailed(G, "")),
    ((BACK, OUT, GONE), facts.Connected(G)),
    ((BACK, OUT, GONE), facts.QrOffered(G, SecretStr("q"), 60.0)),
    ((GONE,), facts.StreamReplaced(G)),
    ((OUT,), facts.LoggedOut(G, Logout.REMOVED)),
    ((INI, P, ON, OUT, BACK, GONE), facts.PurgeDone()),
    ((INI, P, ON, OUT, BACK, GONE, PUR), facts.RestoreDone()),
    ((INI, P, ON, OUT, BACK, GONE, PUR), facts.NothingToRestore()),
    ((INI, P, ON, OUT, BACK, GONE, PUR), facts.RestoreFailed("disk")),
    ((INI, P, ON, BACK, PUR), facts.ChildExited(G + 1, 0, None)),
    ((INI, P, ON, BACK, PUR), facts.LoggedOut(G - 1, Logout.REMOVED)),
]


@pytest.mark.parametrize(
    ("here", "fact"),
    [
        pytest.param(here, fact, id=f"{here.value}: {fact.name}")
        for places, fact in IGNORED
        for here in places
    ],
)
def test_what_means_nothing_there_is_counted_and_ignored(here: Phase, fact: Fact) -> None:
    play = at(here)
    step = play.happen(fact)
    assert not step.taken
    assert step.phase_before is step.phase_after is here
    assert step.effects == ()
    assert play.core.ignored[here, fact.name] == 1


def test_a_clock_that_rings_where_nothing_comes_of_it_is_ignored() -> None:
    play = at(GONE)
    (step,) = play.advance(15)
    assert (step.fact, step.taken) == (facts.StopTimedOut(), False)
    assert play.session.clocks == {}


@pytest.mark.parametrize(
    ("here", "clock", "seconds", "there", "why"),
    [
        (INI, Clock.START, 90.0, BACK, R.START_TIMEOUT),
        (P, Clock.PAIRING, 180.0, BACK, R.PAIRING_EXPIRED),
        (ON, Clock.STABLE, 60.0, ON, None),
        (DEG, Clock.KEEPALIVE, 60.0, BACK, R.KEEPALIVE_LOST),
        (REC, Clock.RECONNECT, 240.0, BACK, R.RECONNECT_TIMEOUT),
        (OUT, Clock.STOP, 15.0, GONE, R.CHILD_STUCK),
        (PUR, Clock.FILES, 60.0, GONE, R.PURGE_FAILED),
    ],
)
def test_each_phase_has_its_clock(
    here: Phase, clock: Clock, seconds: float, there: Phase, why: Reason | None
) -> None:
    play = at(here)
    assert play.session.clocks == {clock: play.now + seconds}
    assert play.advance(seconds - 0.001) == []
    (step,) = play.advance(0.001)
    assert (step.phase_after, step.reason) == (there, why)


def test_after_the_scan_only_the_link_clock_runs() -> None:
    play = at(P)
    step = play.hear(facts.PairSucceeded)
    assert (step.after, step.substate) == (State.PAIRING, "linking")
    assert play.session.clocks == {Clock.LINK: 180.0}
    play.advance(10)
    for late in (
        facts.PairSucceeded(G),
        facts.QrOffered(G, SecretStr("q"), 20.0),
        facts.PairingTimedOut(G),
        facts.ScannedWithoutMultidevice(G),
    ):
        assert not play.happen(late).taken
    assert play.session.clocks == {Clock.LINK: 180.0}
    (step,) = play.advance(170)
    assert (step.phase_after, step.reason) == (BACK, R.LINK_TIMEOUT)


# -- logouts


def test_the_first_401_restores_the_snapshot_and_tries_once_more() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    assert [e.name for e in play.hear(facts.ChildExited, 0, None).effects] == ["RestoreSession"]
    step = play.happen(facts.RestoreDone())
    assert (step.phase_after, step.reason, step.session.retries) == (BACK, R.RESTORED, 1)
    play.ring()
    play.hear(facts.LoggedOut, Logout.REJECTED)
    step = play.hear(facts.ChildExited, 0, None)
    assert (step.phase_after, step.reason) == (PUR, R.LOGIN_REJECTED)


def test_a_login_in_between_makes_the_next_401_a_first_one_again() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.RestoreDone())
    play.ring()
    play.hear(facts.Connected)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    assert [e.name for e in play.hear(facts.ChildExited, 0, None).effects] == ["RestoreSession"]


def test_a_401_said_twice_is_one_strike() -> None:
    play = at(GONE)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    assert not play.hear(facts.LoggedOut, Logout.REJECTED).taken
    assert play.session.strikes == 1


def test_without_a_snapshot_the_first_401_purges() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    step = play.happen(facts.NothingToRestore())
    assert [e.name for e in step.effects] == ["PurgeSession"]


@pytest.mark.parametrize(("how", "why"), [(Logout.LOCKED, R.LOCKED), (Logout.BANNED, R.BANNED)])
def test_a_locked_or_banned_account_is_held_until_an_operator_relinks(
    how: Logout, why: Reason
) -> None:
    play = at(ON)
    play.hear(facts.LoggedOut, how)
    step = play.hear(facts.ChildExited, 0, None)
    assert (step.phase_after, step.reason) == (GONE, why)
    play.advance(30 * DAY)
    assert play.phase is GONE
    # Resume may try the snapshot; without one there is nothing to try, and nothing is purged.
    assert [e.name for e in play.happen(facts.Resume()).effects] == ["RestoreSession"]
    step = play.happen(facts.NothingToRestore())
    assert (step.phase_after, step.reason) == (GONE, R.NO_KEYS_LEFT)
    assert [e.name for e in play.happen(facts.Relink()).effects] == ["PurgeSession"]


def test_a_logout_heard_in_stopped_is_dealt_with_at_the_next_start() -> None:
    play = at(END)
    assert play.hear(facts.LoggedOut, Logout.REMOVED).taken
    play.restart()
    step = play.happen(facts.Start())
    assert (step.phase_after, step.reason) == (PUR, R.LOGGED_OUT)


def test_a_relink_outlives_an_answer_to_the_restore_before_it() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.Relink())
    assert [e.name for e in play.happen(facts.RestoreDone()).effects] == ["PurgeSession"]


@pytest.mark.parametrize("here", [INI, P, ON, DEG, REC, OUT, PUR, BACK, GONE])
def test_relink_leads_to_a_fresh_dial_at_once_even_with_no_retries(here: Phase) -> None:
    play = at(here, Policy(backoff=Backoff(max_retries=0)) if here is not BACK else None)
    play.happen(facts.Relink())
    if play.environment.child.value != "none":
        play.hear(facts.ChildExited, 0, None)
    play.happen(facts.PurgeDone())
    play.advance(0)
    assert (play.phase, play.generation) == (INI, 2)


def test_a_relink_of_a_running_client_asks_it_to_log_out() -> None:
    (stop,) = at(ON).happen(facts.Relink()).effects
    assert "log_out=True, pairing=False" in repr(stop)
    *_, stop = at(P).happen(facts.Relink()).effects
    assert "log_out=False, pairing=True" in repr(stop)
    (stop,) = at(ON).hear(facts.LoggedOut, Logout.REMOVED).effects
    assert "log_out=False" in repr(stop)


def test_a_snapshot_that_cannot_be_put_back_is_kept_for_a_person_and_nothing_is_purged() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    step = play.happen(facts.RestoreFailed("the disk is full"))
    assert (step.phase_after, step.reason) == (GONE, R.STORAGE_FAILED)
    assert [e.name for e in step.effects] == ["Notify"]
    assert play.session.detail == "the disk is full"
    assert [e.name for e in play.happen(facts.Resume()).effects] == ["RestoreSession"]


def test_a_relink_outlives_a_restore_that_fails() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    play.happen(facts.Relink())
    step = play.happen(facts.RestoreFailed("the disk is full"))
    assert (step.phase_after, [e.name for e in step.effects]) == (PUR, ["PurgeSession"])


def test_a_restore_that_fails_late_says_so_with_its_reason() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    play.advance(60)
    step = play.happen(facts.RestoreFailed("the disk is full"))
    assert [e.name for e in step.effects] == ["Notify"]
    assert play.session.detail == "the disk is full"


def test_a_bot_that_keeps_failing_is_a_crash_loop() -> None:
    play = at(INI, Policy(crashes=Limit(count=2, window=3600.0)))
    for _ in range(2):
        assert play.hear(facts.BotFailed, "KeyError").reason is R.BOT_FAILED
        play.hear(facts.ChildExited, 5, None)
        play.advance(30)
    step = play.hear(facts.BotFailed, "KeyError")
    assert (step.phase_after, step.reason) == (GONE, R.CRASH_LOOP)
    assert play.session.cause is R.BOT_FAILED


def test_a_restore_that_never_answers_is_a_storage_failure() -> None:
    play = at(INI)
    play.hear(facts.LoggedOut, Logout.REJECTED)
    play.hear(facts.ChildExited, 0, None)
    (step,) = play.advance(60)
    assert (step.phase_after, step.reason) == (GONE, R.STORAGE_FAILED)
    play.happen(facts.RestoreDone())
    assert play.happen(facts.Resume()).phase_after is BACK


def test_a_purge_that_fails_late_says_so_with_its_reason() -> None:
    play = at(PUR)
    play.advance(60)
    step = play.happen(facts.PurgeFailed("the disk is full"))
    assert [e.name for e in step.effects] == ["Notify"]
    assert play.session.detail == "the disk is full"
    assert [e.name for e in play.happen(facts.Resume()).effects] == ["PurgeSession"]


# -- bans


def ban(play: VirtualSession, code: int | None = 101, expires_in: float | None = 3600.0) -> float:
    play.hear(facts.TemporaryBan, code, expires_in)
    if play.environment.child.value != "none":
        play.hear(facts.ChildExited, 0, None)
    return (play.session.ban_until or 0.0) - play.now


@pytest.mark.parametrize(
    ("code", "expires_in", "wait"),
    [
        (101, 3600.0, 3600.0),
        (None, None, DAY),
        (None, 3600.0, DAY),
        (None, 20 * DAY, 20 * DAY),
        (106, None, DAY),
        (106, 0.0, DAY),
        (106, -5.0, DAY),
        (106, 31 * DAY, 31 * DAY),
        (106, 45 * DAY, 45 * DAY),
        (106, 365 * DAY, 365 * DAY),
        (106, 1e12, 366 * DAY),
        (106, float("nan"), DAY),
        (106, float("inf"), DAY),
    ],
)
def test_a_ban_is_waited_out_and_what_it_does_not_say_is_a_long_wait(
    code: int | None, expires_in: float | None, wait: float
) -> None:
    play = at(ON)
    assert ban(play, code, expires_in) == pytest.approx(wait + 30)  # half of the margin
    assert play.session.reason is R.TEMPORARY_BAN
    play.advance(wait + 29)
    assert play.phase is BACK
    play.advance(2)
    assert play.phase is INI


def test_the_third_ban_is_held() -> None:
    play = at(INI)
    for _ in range(2):
        ban(play)
        play.ring()
    ban(play)
    assert (play.phase, play.session.reason) == (GONE, R.BANNED_AGAIN)


def test_a_ban_said_twice_counts_once_and_the_longer_one_rules() -> None:
    play = at(INI)
    play.hear(facts.TemporaryBan, 101, 60.0)
    play.hear(facts.TemporaryBan, 101, 7200.0)
    play.hear(facts.TemporaryBan, 101, 60.0)
    assert len(play.session.spent[Budget.BANS]) == 1
    assert play.session.not_before == 7230.0


def test_no_operator_and_no_restart_ends_a_ban() -> None:
    play = at(INI)
    ban(play)
    play.happen(facts.Resume())
    play.restart()
    play.happen(facts.Start())
    assert (play.phase, play.session.reason) == (BACK, R.TEMPORARY_BAN)
    play.advance(3600)
    assert play.generation == 1
    play.advance(60)
    assert play.generation == 2


def test_a_connection_ends_the_memory_of_a_ban() -> None:
    play = at(INI)
    ban(play)
    play.ring()
    play.hear(facts.Connected)
    assert play.session.ban_until is None


# -- conflicts


def test_hold_waits_thirty_seconds_twice_an_hour_then_gives_up() -> None:
    play = at(ON)
    for _ in range(2):
        play.hear(facts.StreamReplaced)
        assert play.session.not_before == play.now + 30
        play.hear(facts.ChildExited, 0, None)
        play.ring()
        play.hear(facts.Connected)
    step = play.hear(facts.StreamReplaced)
    assert (step.phase_after, step.reason) == (GONE, R.REPLACED)


def test_yield_gives_up_at_once() -> None:
    step = at(ON, Policy(conflict=Conflict.YIELD)).hear(facts.StreamReplaced)
    assert (step.phase_after, step.reason) == (GONE, R.REPLACED)


def test_takeover_comes_back_soon() -> None:
    play = at(ON, Policy(conflict=Conflict.TAKEOVER))
    play.hear(facts.StreamReplaced)
    assert play.session.not_before == 1.0


def test_a_conflict_said_twice_counts_once() -> None:
    play = at(ON)
    play.hear(facts.StreamReplaced)
    play.hear(facts.StreamReplaced)
    assert len(play.session.spent[Budget.CONFLICTS]) == 1


# -- pairing


def test_a_code_that_died_unused_is_an_expired_window_and_one_cut_short_a_failure() -> None:
    for lifetime, after, why in [
        (60.0, 53.0, R.PAIRING_FAILED),
        (60.0, 54.0, R.PAIRING_EXPIRED),
        (60.0, 55.0, R.PAIRING_EXPIRED),
        (20.0, 17.0, R.PAIRING_FAILED),
        (20.0, 19.0, R.PAIRING_EXPIRED),
    ]:
        play = at(INI)
        play.hear(facts.QrOffered, SecretStr("q"), lifetime)
        play.advance(after)
        assert play.hear(facts.PairingTimedOut).reason is why


def test_pauses_between_unused_windows_double_and_the_daily_budget_ends_them() -> None:
    play = at(INI)
    pauses = []
    while play.phase is INI:
        play.hear(facts.QrOffered, SecretStr("q"), 60.0)
        play.ring()
        if play.phase is BACK:
            pauses.append((play.session.not_before or 0) - play.now)
            play.hear(facts.ChildExited, None, 9)
            play.ring()
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, *[3600] * 12]
    assert (play.phase, play.session.reason) == (GONE, R.PAIRING_EXPIRED)


def test_a_window_beyond_the_budget_is_not_opened_however_it_came() -> None:
    play = VirtualSession(Policy(), seed=1)
    for _ in range(21):
        play.happen(facts.Start())
        play.hear(facts.QrOffered, SecretStr("q"), 60.0)
        last = play.phase
        play.restart()
    assert last is GONE


# -- retries and budgets


def fail(play: VirtualSession) -> float | None:
    play.hear(facts.DialFailed, "refused")
    began = play.now
    play.hear(facts.ChildExited, 0, None)
    play.ring()
    return play.now - began if play.phase is INI else None


def test_the_zeroclaw_profile_waits_what_zeroclaw_waits() -> None:
    play = at(INI, Policy(backoff=PROFILES["zeroclaw"]))
    waits = [fail(play) for _ in range(10)]
    assert waits == [3, 6, 12, 24, 48, 96, 192, 300, 300, 300]
    assert play.hear(facts.DialFailed, "refused").reason is R.RETRIES_EXHAUSTED


def test_the_wa_web_profile_waits_what_whatsapp_web_waits() -> None:
    play = at(INI)  # the sample is in the middle: no jitter
    waits = [round(fail(play) or 0, 6) for _ in range(17)]
    assert waits == [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, *[855] * 2]


def test_retries_are_forgiven_by_a_stable_connection_and_not_by_a_short_one() -> None:
    play = at(INI)
    fail(play)
    play.hear(facts.Connected)
    play.advance(59)
    assert play.session.retries == 1
    play.hear(facts.KeepAliveTimeout, 1)
    play.hear(facts.KeepAliveRestored)
    play.advance(59)
    assert play.session.retries == 1
    play.advance(1)
    assert play.session.retries == 0


def test_with_stable_after_zero_a_connection_forgives_at_once() -> None:
    play = at(INI, Policy(backoff=PROFILES["zeroclaw"]))
    fail(play)
    play.hear(facts.Connected)
    assert play.session.retries == 0
    assert play.deadline is None


def test_a_storm_of_disconnects_shows_one_change_of_state() -> None:
    play = at(ON)
    steps = [play.hear(facts.Disconnected) for _ in range(300)]
    assert [s.phase_after for s in steps if s.taken] == [REC]


def test_a_connection_that_comes_and_goes_is_eased_off() -> None:
    play = at(ON)
    while play.phase is not BACK:
        play.hear(facts.Disconnected)
        if play.phase is REC:
            play.hear(facts.Connected)
    assert play.session.reason is R.FLAPPING
    assert len(play.session.spent[Budget.FLAPS]) == 10


def test_the_hourly_dial_budget_holds_whatever_the_cause() -> None:
    play = VirtualSession(Policy(), seed=1)
    dials: list[float] = []
    while play.now < 7200:
        play.happen(facts.Start())
        if play.phase is INI:
            dials.append(play.now)
        play.restart()
        play.advance(61)
    assert len([at for at in dials if at < 3600]) == 30
    assert len(dials) == 60


def test_a_wait_for_the_dial_budget_says_so() -> None:
    play = at(INI, Policy.model_validate({"dials": {"count": 1, "window": 60}}))
    play.restart()
    step = play.happen(facts.Start())
    assert (step.phase_after, step.reason, step.session.not_before) == (BACK, R.DIAL_BUDGET, 60.0)


def test_a_restart_goes_on_with_the_wait_it_found() -> None:
    play = at(INI)
    for _ in range(12):
        fail(play)
    play.hear(facts.DialFailed, "refused")
    play.hear(facts.ChildExited, 0, None)
    due = play.session.not_before
    for _ in range(5):
        play.advance(20)
        play.restart()
        play.happen(facts.Start())
        assert (play.phase, play.session.not_before, play.session.retries) == (BACK, due, 13)


def test_what_was_given_up_stays_so_across_stop_and_restart() -> None:
    play = at(GONE)
    play.happen(facts.Stop())
    play.restart()
    assert not play.happen(facts.Start()).taken
    assert (play.phase, play.session.reason) == (GONE, R.OUTDATED)
    assert play.happen(facts.Resume()).phase_after is BACK
    play.restart()
    assert play.happen(facts.Start()).phase_after is INI


def test_a_stop_is_no_reason_for_what_follows_the_next_start() -> None:
    play = at(BACK)
    play.happen(facts.Stop())
    play.restart()
    assert play.happen(facts.Start()).reason is R.DIAL_FAILED


# -- the child


def test_a_child_reaped_after_the_wait_is_followed_by_one_start_and_no_stop() -> None:
    play = at(BACK)
    play.advance(5)
    assert play.phase is BACK
    step = play.hear(facts.ChildExited, 0, None)
    assert [e.name for e in step.effects] == ["StartChild"]
    assert (step.phase_after, step.session.retries) == (INI, 1)


def test_a_stuck_child_is_told_and_asked_again_when_an_operator_resumes() -> None:
    play = at(OUT)
    (step,) = play.advance(15)
    assert (step.phase_after, step.reason) == (GONE, R.CHILD_STUCK)
    assert [e.name for e in step.effects] == ["StopChild", "Notify"]
    play.advance(60)
    step = play.happen(facts.Resume())
    assert [e.name for e in step.effects] == ["StopChild"]
    assert play.session.clocks[Clock.STOP] == play.now + 15
    assert play.hear(facts.ChildExited, None, 9).phase_after is PUR


def test_a_session_stopped_while_its_files_are_at_work_waits_for_the_answer() -> None:
    play = at(PUR)
    play.happen(facts.Stop())
    assert play.session.clocks == {Clock.FILES: 60.0}
    assert play.happen(facts.PurgeDone()).taken
    assert play.session.dead_keys_plan is None


def test_what_went_wrong_last_stays_known_when_a_budget_runs_out() -> None:
    play = at(INI, Policy(backoff=Backoff(max_retries=0)))
    play.hear(facts.ConnectFailure, 501)
    session = play.session
    assert (session.reason, session.cause) == (R.RETRIES_EXHAUSTED, R.CONNECT_REFUSED)
    assert session.detail == "failure 501"
    play.happen(facts.Resume())
    assert (session.reason, session.cause) == (R.RESUMED, R.CONNECT_REFUSED)


def test_a_connection_clears_what_went_wrong() -> None:
    play = at(INI)
    fail(play)
    play.hear(facts.Connected)
    session = play.session
    assert (session.reason, session.cause, session.detail) == (None, None, "")


# -- crashes, and the network's return ------------------------------------------------------------


def test_a_crash_too_many_is_held_for_an_operator_and_its_cause_is_known() -> None:
    core = SessionCore(policy=Policy(crashes=Limit(count=2, window=3600)), jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    now = 0.0
    for _ in range(2):
        step = core.handle(facts.ChildExited(core.session.generation, None, 11), now)
        assert step.phase_after is Phase.BACKOFF
        assert core.deadline is not None
        now = core.deadline
        core.tick(now)
    step = core.handle(facts.ChildExited(core.session.generation, None, 11), now)
    assert (step.phase_after, step.reason) == (Phase.GAVE_UP, Reason.CRASH_LOOP)
    assert core.session.cause is Reason.CHILD_EXITED


def test_a_process_that_could_not_be_started_is_no_crash() -> None:
    core = SessionCore(policy=Policy(crashes=Limit(count=0, window=3600)), jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    step = core.handle(facts.ChildExited(1, None, None, "no memory"), 0.0)
    assert step.phase_after is Phase.BACKOFF


def test_a_long_wait_for_the_network_ends_soon_after_the_network_is_back() -> None:
    policy = Policy(backoff=Backoff(base=600.0, cap=600.0, jitter=0))
    core = SessionCore(policy=policy, jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    step = core.handle(facts.DialFailed(1, ""), 0.0)
    assert [effect.name for effect in step.effects] == ["StopChild", "WatchNetwork"]
    core.handle(facts.ChildExited(1, 0, None), 0.0)
    assert core.deadline == 600.0
    core.handle(facts.NetworkBack(), 100.0)
    assert core.deadline == core.session.not_before == 105.0  # half of `network_check_every`
    core.handle(facts.NetworkBack(), 101.0)
    assert core.deadline == 105.0


def test_the_networks_return_overruns_no_dial_budget() -> None:
    policy = Policy(
        backoff=Backoff(base=600.0, cap=600.0, jitter=0), dials=Limit(count=1, window=3600)
    )
    core = SessionCore(policy=policy, jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    core.handle(facts.DialFailed(1, ""), 0.0)
    core.handle(facts.ChildExited(1, 0, None), 0.0)
    core.handle(facts.NetworkBack(), 100.0)
    assert core.session.not_before == 3600.0


def test_the_networks_return_shortens_no_other_wait() -> None:
    core = SessionCore(jitter=lambda: 0.5)
    core.handle(facts.Start(), 0.0)
    core.handle(facts.StreamReplaced(1), 0.0)
    core.handle(facts.ChildExited(1, 0, None), 0.0)
    before = core.deadline
    assert not core.handle(facts.NetworkBack(), 1.0).taken
    assert core.deadline == before
