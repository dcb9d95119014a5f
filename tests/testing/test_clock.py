"""Virtual time: clocks ring in order, each at its own moment, and broken promises are told."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from wa_supervisor.lifecycle import Logout, Phase, Policy, effects, facts
from wa_supervisor.testing import Broken, VirtualSession, as_test


def test_time_rings_the_clocks_on_its_way_in_order() -> None:
    play = VirtualSession(seed=1)
    play.happen(facts.Start())
    play.advance(1000)
    assert [(e.at, e.step and e.step.fact.name) for e in play.entries[1:]] == [
        (90.0, "StartTimedOut"),
        (pytest.approx(91, abs=0.2), "BackoffElapsed"),
        (105.0, "StopTimedOut"),
        (120.0, "StopTimedOut"),
    ]
    assert play.now == 1000
    assert play.phase is Phase.GAVE_UP


def test_a_clock_that_is_due_rings_before_a_fact_of_the_same_moment() -> None:
    play = VirtualSession()
    play.happen(facts.Start())
    play.advance(89.99)
    play.now = 90.0
    assert not play.hear(facts.Connected).taken
    assert [step.fact.name for step in play.steps] == ["Start", "StartTimedOut", "Connected"]


def test_time_never_goes_back() -> None:
    play = VirtualSession(now=50.0)
    assert play.advance_to(10.0) == []
    assert play.now == 50.0
    assert play.ring() is None


def test_the_same_seed_plays_the_same() -> None:
    def wait(seed: int) -> float | None:
        play = VirtualSession(seed=seed)
        play.happen(facts.Start())
        return play.hear(facts.DialFailed, "refused").session.not_before

    assert wait(7) == wait(7) != wait(8)


def test_a_broken_promise_ends_the_play_with_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "wa_supervisor.lifecycle.actions.Actions.start_child",
        lambda self: self.outbox.append(effects.StartChild(7)),
    )
    monkeypatch.setattr("wa_supervisor.lifecycle.core._IDLE", [])  # charts keep what they call
    with pytest.raises(Broken, match=r"a generation was left out(.|\n)*Init: Start  asks Start"):
        VirtualSession().happen(facts.Start())
    VirtualSession(checked=False).happen(facts.Start())


def test_a_story_shows_no_secret_and_pastes_as_a_test() -> None:
    play = VirtualSession(Policy(), seed=3)
    play.happen(facts.Start())
    play.hear(facts.QrOffered, SecretStr("2@secret"), 60.0)
    play.hear(facts.LoggedOut, Logout.LOCKED)
    play.advance(5)
    play.hear(facts.ChildExited, 0, None)
    play.restart()
    assert "secret" not in play.story
    assert "the supervisor restarts" in play.story
    pasted = as_test("it_happened", ((e.at, e.step) for e in play.entries), "Policy(), seed=3")
    assert "secret" not in pasted
    names: dict[str, object] = {
        "VirtualSession": VirtualSession,
        "Policy": Policy,
        "facts": facts,
        "SecretStr": SecretStr,
    }
    again: list[VirtualSession] = []
    pasted = pasted.replace("play = VirtualSession(", "again.append(play := VirtualSession(")
    pasted = pasted.replace("seed=3)", "seed=3))")
    exec(pasted + "\nit = test_it_happened\n", names | {"again": again}, names)
    names["again"] = again
    exec("it()", names)
    assert again[0].story == play.story


def test_a_session_can_go_on_from_a_known_model() -> None:
    play = VirtualSession()
    play.happen(facts.Start())
    play.hear(facts.Connected)
    other = VirtualSession(session=play.session, now=play.now)
    other.hear(facts.Disconnected)
    assert other.phase is Phase.RECONNECTING
    assert other.deadline is not None
