"""The second opinion: Debian's spin explores the chart's model, and the core confirms each edge."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from diagrams.replay import Explored, Player
from diagrams.spinning import MISSING, Checker
from lab.spin.promela import FACT_NAMES, RESTS, ending
from wa_supervisor.lifecycle import Phase

pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"the model checker needs {' and '.join(MISSING)} (Debian: apt-get install spin gcc)",
)

BOUNDS = {"unbounded": None, "two retries": 2}
ENDINGS = [ending(phase) for phase in Phase if phase not in RESTS]
PROPERTIES = ["comes_up", "held_is_told", "gave_up_rests", *ENDINGS]
WRONG = ["wrong_comes_up_though_held", "wrong_always_connected", "wrong_never_gives_up"]
FAIR = ("-DNFAIR=5", "-DNOREDUCE")  # weak fairness for 15 processes that meet at a rendezvous


def _retries(bound: int | None) -> list[str]:
    return [] if bound is None else [f"-DRETRIES={bound}"]


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_no_way_leads_to_a_broken_promise_and_the_core_agrees_on_every_edge(
    tmp_path: Path, bound: int | None, record_property: Callable[[str, object], None]
) -> None:
    checker = Checker(tmp_path, "-DREPORT", *_retries(bound))
    checker.compile("-DSAFETY", "-DNOCLAIM", "-DNOREDUCE")
    verdict = checker.check()
    lines = {line for line in verdict.output.splitlines() if line.startswith("EDGE ")}
    edges = [Explored.read(line) for line in lines]
    player = Player(bound)
    for edge in edges:
        assert edge.replayed(player) == edge.after, edge
    assert verdict.errors == 0, re.sub(r"EDGE.*\n", "", verdict.output)
    assert {e.fact for e in edges} == set(FACT_NAMES)
    assert {list(Phase)[e.before.phase] for e in edges} == set(Phase)
    record_property("spin", f"{verdict.states} states, {verdict.transitions} transitions")
    record_property("replayed", len(edges))


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_what_must_come_comes_and_a_wrong_property_is_refuted(
    tmp_path: Path, bound: int | None
) -> None:
    checker = Checker(tmp_path, *_retries(bound))
    checker.compile(*FAIR)
    found = {name: checker.check("-a", "-f", "-N", name).errors for name in PROPERTIES + WRONG}
    assert found == {**dict.fromkeys(PROPERTIES, 0), **dict.fromkeys(WRONG, 1)}


def test_a_chart_that_forgot_a_guard_is_caught(tmp_path: Path) -> None:
    checker = Checker(tmp_path)
    model = tmp_path / "session.pml"
    sound = model.read_text()
    broken = sound.replace("taken && child == NONE &&", "taken &&")
    assert broken != sound
    model.write_text(broken)
    checker.generate()
    checker.compile("-DSAFETY", "-DNOCLAIM")
    assert checker.check().errors == 1
