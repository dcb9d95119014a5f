"""The model of the shell objects to each broken promise."""

from __future__ import annotations

import pytest

from wa_supervisor.lifecycle import (
    Child,
    DeadKeysPlan,
    Logout,
    Phase,
    Reason,
    Session,
    Step,
    Work,
    effects,
    facts,
)
from wa_supervisor.lifecycle.effects import Effect
from wa_supervisor.lifecycle.facts import Fact
from wa_supervisor.testing import Broken, Environment, Keys

RUNNING = Environment(child=Child.RUNNING, generation=1)


def step(fact: Fact, *asked: Effect, taken: bool = True) -> Step:
    return Step(fact, Phase.INIT, Phase.INIT, taken=taken, effects=asked)


@pytest.mark.parametrize(
    ("environment", "asked", "objection"),
    [
        (RUNNING, effects.StartChild(2), "a second child was started"),
        (Environment(child=Child.STOPPING), effects.StartChild(1), "a second child was started"),
        (Environment(files=Work.PURGING), effects.StartChild(1), "on files at work"),
        (Environment(keys=Keys.DEAD), effects.StartChild(1), "on dead keys"),
        (Environment(keys=Keys.HELD), effects.StartChild(1), "on held keys"),
        (Environment(generation=4), effects.StartChild(4), "a generation was left out or reused"),
        (Environment(), effects.StopChild(0), "no child to stop"),
        (RUNNING, effects.StopChild(2), "of another time"),
        (RUNNING, effects.PurgeSession(Reason.LOGGED_OUT), "under a living child"),
        (Environment(), effects.PurgeSession(Reason.LOGGED_OUT), "sound keys were purged"),
        (Environment(keys=Keys.HELD), effects.PurgeSession(Reason.LOCKED), "held keys were purged"),
        (
            Environment(keys=Keys.DEAD, files=Work.PURGING),
            effects.PurgeSession(Reason.LOGGED_OUT),
            "already at work",
        ),
        (Environment(keys=Keys.DEAD), effects.RestoreSession(), "over dead keys"),
        (Environment(), effects.RestoreSession(), "over sound keys"),
        (Environment(), effects.HidePairing(), "no code to hide"),
        (Environment(inbox_full=True), effects.StartChild(1), "while the inbox was full"),
        (Environment(watching=True), effects.WatchNetwork(), "watched already"),
        (Environment(), effects.StopWatchingNetwork(), "no watch to end"),
        (Environment(), effects.TakeSnapshot(only_if_none=True), "that does not run was copied"),
        (
            Environment(child=Child.RUNNING, keys=Keys.DEAD),
            effects.TakeSnapshot(only_if_none=False),
            "dead keys were copied",
        ),
    ],
)
def test_a_broken_promise_is_objected_to(
    environment: Environment, asked: Effect, objection: str
) -> None:
    with pytest.raises(Broken, match=objection):
        environment.after(step(facts.Start(), asked))


def test_a_child_is_not_started_and_stopped_in_one_step() -> None:
    with pytest.raises(Broken, match="in one step"):
        Environment().after(step(facts.Start(), effects.StartChild(1), effects.StopChild(1)))


@pytest.mark.parametrize(
    ("how", "keys"),
    [
        (Logout.REMOVED, Keys.DEAD),
        (Logout.REJECTED, Keys.DOUBTED),
        (Logout.LOCKED, Keys.HELD),
        (Logout.BANNED, Keys.HELD),
        (Logout.UNHEARD, Keys.DOUBTED),
    ],
)
def test_a_logout_decides_how_the_keys_stand_and_the_first_word_counts(
    how: Logout, keys: Keys
) -> None:
    environment = RUNNING.after(step(facts.LoggedOut(1, how), taken=False))
    assert environment.keys is keys
    assert environment.after(step(facts.LoggedOut(1, Logout.REMOVED))).keys is keys


def test_what_an_old_child_says_changes_nothing() -> None:
    for fact in (facts.LoggedOut(0, Logout.REMOVED), facts.ChildExited(0, 0, None)):
        assert RUNNING.after(step(fact)) == RUNNING


def test_answers_change_only_what_was_at_work() -> None:
    purging = Environment(files=Work.PURGING, keys=Keys.DEAD)
    assert purging.after(step(facts.PurgeDone())) == Environment()
    assert purging.after(step(facts.PurgeFailed(""))) == Environment(keys=Keys.DEAD)
    assert purging.after(step(facts.RestoreDone())) == purging
    assert purging.after(step(facts.NothingToRestore())) == purging
    restoring = Environment(files=Work.RESTORING, keys=Keys.DOUBTED)
    assert restoring.after(step(facts.RestoreDone())) == Environment()
    assert restoring.after(step(facts.NothingToRestore())) == Environment(keys=Keys.DOUBTED)
    assert restoring.after(step(facts.PurgeDone())) == restoring


def test_a_relink_in_between_outlives_the_restore() -> None:
    environment = Environment(files=Work.RESTORING, keys=Keys.DOUBTED).after(step(facts.Relink()))
    assert environment.after(step(facts.RestoreDone())).keys is Keys.DEAD


def test_a_child_speaks_only_while_it_lives() -> None:
    always = {"Start", "Stop", "Resume", "Relink", "NetworkBack", "InboxFull", "InboxDrained"}
    always |= {"Restart", "DialsHeld", "DialAllowed"}
    assert {fact.name for fact in Environment().possible()} == always
    assert len(list(RUNNING.possible())) > 25


def test_an_environment_is_made_from_what_a_session_believes() -> None:
    session = Session(dead_keys_plan=DeadKeysPlan.RESTORE, generation=3, work=Work.RESTORING)
    assert Environment.of(session) == Environment(
        generation=3, keys=Keys.DOUBTED, files=Work.RESTORING
    )
