"""Drawn lives reach where it matters."""

from __future__ import annotations

from hypothesis import HealthCheck, find, settings
from hypothesis import Phase as Stage

from wa_supervisor.lifecycle import Phase
from wa_supervisor.testing.environment import Environment
from wa_supervisor.testing.strategies import facts_for, played_sessions

QUICK = settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Stage.generate],
    suppress_health_check=list(HealthCheck),
)


def test_a_drawn_life_can_come_up_and_can_give_up() -> None:
    for phase in (Phase.ONLINE, Phase.GAVE_UP):
        life = find(played_sessions(), lambda play, p=phase: play.phase is p, settings=QUICK)  # type: ignore[misc]
        assert life.phase is phase
        assert life.steps


def test_a_world_without_a_child_offers_an_operator_only() -> None:
    fact = find(facts_for(Environment()), lambda _: True, settings=QUICK)
    assert fact.name in {"Start", "Stop", "Resume", "Restart", "Relink"}
