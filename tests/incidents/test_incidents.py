"""Each real incident, played through the real core and held against what we promise."""

from __future__ import annotations

import dataclasses

import pytest

from lab.simulation import SCENARIOS, Scenario, find, outcome

QUIET = {"openclaw-62258", "baileys-152"}
"""Scenarios that promise that nothing is to be seen."""


def by_name(scenario: Scenario) -> str:
    return scenario.name


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_the_promise_is_kept(scenario: Scenario) -> None:
    findings = scenario.judge(scenario.play())
    assert all(found.kept for found in findings), "\n".join(outcome(findings))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "name", ["openclaw-25591", "openclaw-75915", "nanoclaw-2579", "waha-1931", "zeroclaw-Z6"]
)
def test_the_promise_does_not_hang_on_one_draw_of_latencies(name: str, seed: int) -> None:
    scenario = find(name)
    assert scenario is not None
    findings = scenario.judge(scenario.play(seed))
    assert all(found.kept for found in findings), "\n".join(outcome(findings))


@pytest.mark.parametrize(
    "scenario", [s for s in SCENARIOS if s.name not in QUIET and s.script], ids=by_name
)
def test_a_world_without_the_incident_does_not_pass_for_one_that_survived_it(
    scenario: Scenario,
) -> None:
    calm = dataclasses.replace(scenario, script=())
    if scenario.name == "openclaw-92546":  # it promises that nothing is lost: calm loses nothing
        assert len(scenario.play().dials) > 30 > len(calm.play().dials)
        return
    assert not all(found.kept for found in calm.judge(calm.play()))


def test_names_references_and_promises_are_told_apart() -> None:
    assert len({s.name for s in SCENARIOS}) == len(SCENARIOS)
    assert len({s.label for s in SCENARIOS}) == len(SCENARIOS)
    assert len({s.happened for s in SCENARIOS}) == len(SCENARIOS)


def test_at_least_fifteen_reported_incidents_are_covered() -> None:
    assert len({s.reference for s in SCENARIOS if "#" in s.reference}) >= 15


@pytest.mark.parametrize("number", range(1, 8))
def test_each_defect_of_zeroclaw_has_its_scenario(number: int) -> None:
    assert any(s.name.startswith(f"zeroclaw-Z{number}") for s in SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_a_scenario_is_told_in_one_sentence_and_one_line(scenario: Scenario) -> None:
    assert scenario.happened[0].isupper() or not scenario.happened[0].isalpha() or scenario.label
    assert scenario.happened.rstrip('"').endswith((".", ")", "?"))
    assert len(scenario.promise) <= 57
    assert scenario.checks
