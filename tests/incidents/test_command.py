"""`uv run python -m lab simulate`, as a person types it."""

from __future__ import annotations

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from lab.__main__ import app
from lab.commands import simulate as command
from lab.simulation import SCENARIOS, Scenario, find
from lab.simulation.checks import never
from wa_supervisor.lifecycle import Phase

SCREEN = {"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1", "TERM": "dumb"}


def simulate(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["simulate", *arguments], env=SCREEN)
    return result.exit_code, result.stdout, result.stderr


def test_the_list_has_a_line_of_80_columns_for_each_scenario() -> None:
    code, out, _ = simulate("--list")
    lines = out.splitlines()
    assert code == 0
    assert len(lines) == len(SCENARIOS)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("openclaw#62258 ") for line in lines)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_what_the_list_shows_can_be_played(scenario: Scenario) -> None:
    assert find(scenario.label) is scenario


def test_an_incident_is_told_with_its_timeline_and_outcome() -> None:
    code, out, _ = simulate("openclaw-25591")
    assert code == 0
    assert "d1 01:00:00" in out
    assert "GaveUp" in out
    assert "wait 30 s" in out
    assert out.rstrip().endswith("promise kept")
    assert max(map(len, out.splitlines())) <= 80


def test_a_reference_is_as_good_as_a_name() -> None:
    assert simulate("openclaw#25591") == simulate("openclaw-25591")


def test_a_week_prints_its_figures() -> None:
    code, out, _ = simulate("--seed", "3")
    assert code == 0
    for word in ("time", "dials", "in an hour", "retries", "bans", "pairings", "purges"):
        assert word in out
    assert "every invariant holds" in out


def test_a_broken_promise_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = SCENARIOS[0]
    broken = dataclasses.replace(quiet, checks=(never(Phase.ONLINE),))
    monkeypatch.setattr(command, "find", lambda _: broken)
    code, out, _ = simulate(quiet.name)
    assert code == 1
    assert "BROKEN" in out
    assert out.rstrip().endswith("PROMISE BROKEN")


def test_an_unknown_name_is_answered_with_the_nearest_and_exit_code_2() -> None:
    code, _, err = simulate("openclaw-62285")
    assert code == 2
    assert "openclaw-62258" in err


def test_a_hopeless_name_is_answered_with_the_way_to_the_list() -> None:
    code, _, err = simulate("xyzzy")
    assert code == 2
    assert "--list" in err


def test_nothing_to_play_is_a_usage_error() -> None:
    code, _, err = simulate()
    assert code == 2
    assert "--seed" in err


def test_json_is_one_object_a_line_and_ends_with_the_outcome() -> None:
    code, out, _ = simulate("waha-137", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert records[0]["fact"] == "Start"
    assert any("world" in record for record in records)
    assert records[-1]["kept"] is True
    assert records[-1]["name"] == "waha-137"


def test_no_code_is_ever_printed() -> None:
    for arguments in (["waha-137"], ["waha-137", "--json"]):
        assert "simulated-code" not in simulate(*arguments)[1]


def test_the_list_can_be_had_as_json() -> None:
    code, out, _ = simulate("--list", "--json")
    assert code == 0
    assert [json.loads(line)["name"] for line in out.splitlines()] == [s.name for s in SCENARIOS]
