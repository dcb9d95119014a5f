"""The engine moves time, restarts supervisors, and notices what must never happen."""

from __future__ import annotations

import pytest

from lab.simulation import Event, Simulation, SimulationStuck, engine
from lab.simulation.format_time import DAY, HOUR
from lab.simulation.script import (
    at,
    network_gone,
    operator,
    server,
    server_drops,
    supervisor_restarts,
)
from lab.simulation.server import OUTDATED
from wa_supervisor.lifecycle import Backoff, Phase, Policy, facts


def test_a_quiet_day_takes_four_steps() -> None:
    story = Simulation().play((), DAY)
    assert [step.fact.name for _, step in story.steps()] == ["Start", "Connected", "StayedUp"]
    assert story.session.phase is Phase.ONLINE
    assert sum(story.time_in().values()) == pytest.approx(DAY)


def test_the_seed_draws_the_latencies_and_nothing_else() -> None:
    one, same, other = (Simulation(seed=seed).play((), HOUR) for seed in (1, 1, 2))
    assert one.entries == same.entries
    assert [e.at for e in one.entries] != [e.at for e in other.entries]


def test_a_restart_continues_the_ladder_it_interrupted() -> None:
    script = at(HOUR, network_gone()) + at(2 * HOUR, supervisor_restarts(down=1.0))
    story = Simulation().play(script, 2 * HOUR + 2)
    retries = [step.session.retries for time, step in story.steps() if time < 2 * HOUR]
    assert story.session.retries >= retries[-1] > 10
    assert story.phase_at(2 * HOUR + 0.5) is None


def test_having_given_up_survives_a_restart_and_an_operator_ends_it() -> None:
    script = at(10, server(OUTDATED), server_drops()) + at(100, supervisor_restarts())
    assert Simulation().play(script, HOUR).session.phase is Phase.GAVE_UP
    resumed = Simulation().play(script + at(200, operator(facts.Resume())), HOUR)
    assert len(resumed.dials) == 2


def test_a_fact_told_while_no_supervisor_runs_is_lost() -> None:
    script = at(10, supervisor_restarts(down=60)) + at(20, operator(facts.Stop()))
    assert Simulation().play(script, HOUR).session.phase is Phase.ONLINE


def test_a_broken_promise_ends_the_story_and_is_in_it() -> None:
    def lie(simulation: Simulation) -> None:
        simulation.supervisor.session.retries = 99

    policy = Policy(backoff=Backoff(max_retries=3))
    script = at(100, Event("somebody lies", lie), server_drops())
    story = Simulation(policy).play(script, HOUR)
    assert len(story.violations) == 1
    assert "retries_stay_within_their_budget" in story.violations[0]
    assert isinstance([*story.steps()][-1][1].fact, facts.Disconnected)


def test_a_happening_with_nothing_to_happen_to_leaves_no_trace() -> None:
    never = Event("never", lambda _: pytest.fail("happened"), lambda _: False)
    story = Simulation().play(at(10, never), HOUR)
    assert not any(entry.sentence for entry in story.entries)


def test_a_storm_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_STEPS", 2)
    with pytest.raises(SimulationStuck, match="no end"):
        Simulation().play((), DAY)
