from __future__ import annotations

import pytest

from lab.faults import FAULTS, Verdict, matrix
from lab.faults.matrix import Row

FAULT = FAULTS["login/401-twice"]


def _row(*seconds: float | None, complaint: str = "it did not") -> Row:
    verdicts = tuple(
        Verdict(FAULT, "supervisor", n, at, n, () if at is not None else (complaint,))
        for n, at in enumerate(seconds)
    )
    return Row(FAULT, "supervisor", verdicts)


def test_several_runs_are_a_median_and_a_spread() -> None:
    row = _row(1.0, 3.0, 2.0)
    assert row.kept
    assert row.outcome == "2.0 s (1.0-3.0)"
    assert row.dials == 2


def test_one_broken_run_breaks_the_promise() -> None:
    row = _row(1.0, None)
    assert not row.kept
    assert row.seconds is None
    assert row.outcome == "1 of 2: it did not"


@pytest.mark.parametrize("complaint", ["short", "a long complaint " * 12])
@pytest.mark.parametrize("several", [False, True])
def test_a_row_fits_eighty_columns(complaint: str, several: bool) -> None:
    lines = list(matrix.lines(_row(None, complaint=complaint.strip()), several=several))
    assert max(map(len, lines)) <= 80
    assert complaint.rsplit(maxsplit=1)[-1] in lines[-1]


def test_the_markdown_has_a_line_for_each_fault_and_states_shortened_clocks() -> None:
    fault = FAULTS["login/silent"]
    verdict = Verdict(fault, "supervisor", 0, 2.5, 1, ())
    page = list(matrix.markdown([Row(fault, "supervisor", (verdict,))], runs=1, jobs=2))
    (line,) = [each for each in page if each.startswith("| `login/silent`")]
    assert "start_timeout 2, default 90" in line
    assert "2.5 s, 1 dial" in line
    assert "n=" not in line


def test_the_markdown_states_how_often_and_how_many_at_a_time_it_was_played() -> None:
    page = "\n".join(matrix.markdown([_row(1.0, 2.0, 3.0)], runs=3, jobs=4))
    assert "played 3 times" in page
    assert "at most 4 runs at a time" in page
    assert "2.0 s (1.0-3.0), 2 dials, n=3" in page


def test_what_a_machine_cannot_play_is_stated_and_not_counted_as_kept() -> None:
    verdict = Verdict(FAULT, "supervisor", 0, None, 0, (), impossible="needs Linux")
    row = Row(FAULT, "supervisor", (verdict,) * 3)
    assert row.outcome == "not played on this machine: needs Linux"
    assert row.count == ""
    assert any("-- not played" in line for line in matrix.lines(row, several=False))
    assert list(matrix.summary([row, _row(1.0)])) == [
        "supervisor: 1 of 1 kinds as promised, in 1 runs; 1 not played on this machine"
    ]


def test_a_second_contestant_has_no_empty_line_above_it() -> None:
    row = Row(FAULT, "bare", _row(None, complaint="it did not " * 9).verdicts)
    assert all(line.strip() for line in matrix.lines(row, several=True))
