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
from wa_supervisor.testing import Broken, Keys, World

RUNNING = World(child=Child.RUNNING, generation=1)


def step(fact: Fact, *asked: Effect, taken: bool = True) -> Step:
    return Step(fact, Phase.INIT, Phase.INIT, taken=taken, effects=asked)


@pytest.mark.parametrize(
    ("world", "asked", "objection"),
    [
        (RUNNING, effects.StartChild(2), "a second child was started"),
        (World(child=Child.STOPPING), effects.StartChild(1), "a second child was started"),
        (World(files=Work.PURGING), effects.StartChild(1), "on files at work"),
        (World(keys=Keys.DEAD), effects.StartChild(1), "on dead keys"),
        (World(keys=Keys.HELD), effects.StartChild(1), "on held keys"),
        (World(generation=4), effects.StartChild(4), "a generation was left out or reused"),
        (World(), effects.StopChild(0), "no child to stop"),
        (RUNNING, effects.StopChild(2), "of another time"),
        (RUNNING, effects.PurgeSession(Reason.LOGGED_OUT), "under a living child"),
        (World(), effects.PurgeSession(Reason.LOGGED_OUT), "sound keys were purged"),
        (World(keys=Keys.HELD), effects.PurgeSession(Reason.LOCKED), "held keys were purged"),
        (
            World(keys=Keys.DEAD, files=Work.PURGING),
            effects.PurgeSession(Reason.LOGGED_OUT),
            "already at work",
        ),
        (World(keys=Keys.DEAD), effects.RestoreSession(), "over dead keys"),
        (World(), effects.RestoreSession(), "over sound keys"),
        (World(), effects.HidePairing(), "no code to hide"),
    ],
)
def test_a_broken_promise_is_objected_to(world: World, asked: Effect, objection: str) -> None:
    with pytest.raises(Broken, match=objection):
        world.after(step(facts.Start(), asked))


def test_a_child_is_not_started_and_stopped_in_one_step() -> None:
    with pytest.raises(Broken, match="in one step"):
        World().after(step(facts.Start(), effects.StartChild(1), effects.StopChild(1)))


@pytest.mark.parametrize(
    ("how", "keys"),
    [
        (Logout.REMOVED, Keys.DEAD),
        (Logout.REJECTED, Keys.DOUBTED),
        (Logout.LOCKED, Keys.HELD),
        (Logout.BANNED, Keys.HELD),
    ],
)
def test_a_logout_decides_how_the_keys_stand_and_the_first_word_counts(
    how: Logout, keys: Keys
) -> None:
    world = RUNNING.after(step(facts.LoggedOut(1, how), taken=False))
    assert world.keys is keys
    assert world.after(step(facts.LoggedOut(1, Logout.REMOVED))).keys is keys


def test_what_an_old_child_says_changes_nothing() -> None:
    for fact in (facts.LoggedOut(0, Logout.REMOVED), facts.ChildExited(0, 0, None)):
        assert RUNNING.after(step(fact)) == RUNNING


def test_answers_change_only_what_was_at_work() -> None:
    purging = World(files=Work.PURGING, keys=Keys.DEAD)
    assert purging.after(step(facts.PurgeDone())) == World()
    assert purging.after(step(facts.PurgeFailed(""))) == World(keys=Keys.DEAD)
    assert purging.after(step(facts.RestoreDone())) == purging
    assert purging.after(step(facts.NothingToRestore())) == purging
    restoring = World(files=Work.RESTORING, keys=Keys.DOUBTED)
    assert restoring.after(step(facts.RestoreDone())) == World()
    assert restoring.after(step(facts.NothingToRestore())) == World(keys=Keys.DOUBTED)
    assert restoring.after(step(facts.PurgeDone())) == restoring


def test_a_relink_in_between_outlives_the_restore() -> None:
    world = World(files=Work.RESTORING, keys=Keys.DOUBTED).after(step(facts.Relink()))
    assert world.after(step(facts.RestoreDone())).keys is Keys.DEAD


def test_a_child_speaks_only_while_it_lives() -> None:
    always = {"Start", "Stop", "Resume", "Relink", "NetworkBack"}
    assert {fact.name for fact in World().possible()} == always
    assert len(list(RUNNING.possible())) > 25


def test_a_world_is_made_from_what_a_session_believes() -> None:
    session = Session(dead_keys_plan=DeadKeysPlan.RESTORE, generation=3, work=Work.RESTORING)
    assert World.of(session) == World(generation=3, keys=Keys.DOUBTED, files=Work.RESTORING)
