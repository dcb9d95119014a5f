from __future__ import annotations

import re

import pytest

from wa_supervisor.diagrams.chart import LEAVES, answers
from wa_supervisor.diagrams.tables import FACTS, IGNORED, kind_of, reactions, tally, total_table
from wa_supervisor.lifecycle import Phase, Reason, facts
from wa_supervisor.lifecycle.chart import TRIGGERS


def test_the_table_is_total() -> None:
    rows = [line for line in total_table().splitlines() if line.startswith("| `")]
    assert len(rows) == len(FACTS)
    assert {row.count("|") - 2 for row in rows} == {len(Phase)}


def test_it_has_every_fact_there_is() -> None:
    named = {n for n in vars(facts) if isinstance(getattr(facts, n), type)}
    assert {f.__name__ for f in FACTS} < named
    assert {"QrOffered", "LoggedOut", "ChildExited", "Stop", "FilesTimedOut"} <= {
        f.__name__ for f in FACTS
    }
    assert not {"Fact", "ChildFact"} & {f.__name__ for f in FACTS}


@pytest.mark.parametrize("phase", Phase)
def test_it_agrees_with_the_core_on_what_is_ignored(phase: Phase) -> None:
    for fact in FACTS:
        assert (kind_of(phase, fact) == IGNORED) == (fact.trigger not in TRIGGERS[phase]), fact


def test_an_answer_ends_with_the_first_that_asks_nothing() -> None:
    for phase in LEAVES:
        for fact in FACTS:
            if fact.trigger:
                assert all(e.guards for e in answers(phase, fact.trigger)[:-1])


def test_the_tally_counts_every_pair_once() -> None:
    assert sum(tally().values()) == len(FACTS) * len(Phase)


def test_one_state_has_a_table_of_its_own() -> None:
    table = total_table(LEAVES[Phase.PURGING].id)
    assert "`PurgeDone`" in table
    assert "`QrOffered`" not in table


def test_a_compound_has_the_tables_of_its_shades() -> None:
    table = total_table("connected")
    assert {"Connected.online", "Connected.degraded"} <= set(re.findall(r"Connected\.\w+", table))


def test_the_documentation_explains_every_reason() -> None:
    page = reactions()
    for reason in Reason:
        assert f"| `{reason.value}` | {reason.explanation.sentence} |" in page


def test_no_cell_breaks_the_table() -> None:
    for line in reactions().splitlines():
        if line.startswith("| `"):
            assert line.count(" | ") in {2, 3}, line
