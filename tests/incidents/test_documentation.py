"""docs/incidents.md says what the code promises."""

from __future__ import annotations

from pathlib import Path

from lab.simulation import SCENARIOS, markdown

PAGE = Path(__file__).parents[2] / "docs" / "incidents.md"


def test_the_page_does_not_drift_from_the_scenarios() -> None:
    command = "uv run python -m lab generate"
    assert PAGE.read_text("utf-8") == markdown() + "\n", f"regenerate it: {command}"


def test_the_page_has_a_row_for_each_scenario() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(rows) == len(SCENARIOS) + 2
    assert all(row.count("|") == 5 for row in rows)
