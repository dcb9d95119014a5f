"""A story is told in words, in 80 columns, and without repeating itself."""

from __future__ import annotations

import pytest

from lab.simulation import SCENARIOS, heading, random_week, summary, timeline
from lab.simulation.format_time import DAY, HOUR, MINUTE, clock, span
from lab.simulation.report import FACTS, Line, _folded, _happened
from wa_supervisor.lifecycle import facts


def test_a_fact_without_words_of_its_own_is_said_by_its_name() -> None:
    assert facts.InboxDrained not in FACTS
    assert _happened(facts.InboxDrained()) == "inbox drained"
    assert _happened(facts.Stop()) == "stopped by the operator"


@pytest.mark.parametrize("seed", range(5))
def test_a_week_fits_80_columns(seed: int) -> None:
    scenario = random_week(seed)
    story = scenario.play(seed)
    told = [*heading(scenario), *timeline(story), *summary(story)]
    assert max(map(len, told)) <= 80


def test_a_long_outage_is_told_in_a_screenful() -> None:
    (scenario,) = (s for s in SCENARIOS if s.name == "baileys-api-69")
    assert len(scenario.play().dials) > 100
    assert len([*timeline(scenario.play())]) <= 24


def test_rounds_that_repeat_are_told_once_and_counted() -> None:
    rounds = [Line(i, "Init" if i % 2 else "Backoff", f"wait {i} s") for i in range(20)]
    told = [*_folded([*rounds, Line(20, "*", "the end")])]
    assert len(told) == 4
    assert "9 more rounds like this until d1 00:00:19" in told[2]
    assert told[3].endswith("the end")


def test_two_rounds_are_told_in_full() -> None:
    rounds = [Line(i, "Init" if i % 2 else "Backoff", "again") for i in range(4)]
    assert len([*_folded(rounds)]) == 4


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.5, "0.5 s"), (90, "90 s"), (3 * MINUTE, "3 min"), (1.5 * HOUR, "1.5 h"), (2 * DAY, "2 d")],
)
def test_a_span_is_told_in_its_largest_fitting_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_moment_is_told_as_day_and_time() -> None:
    assert clock(0) == "d1 00:00:00"
    assert clock(DAY + HOUR + 62) == "d2 01:01:02"
