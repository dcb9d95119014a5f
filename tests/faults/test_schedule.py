from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from lab.faults import FAULTS, Against, Fault, Verdict, schedule
from lab.faults.matrix import Row

NAMES = ("stream/unlinked", "stream/close", "host/restart")
BOTH: tuple[Against, ...] = ("supervisor", "bare")


class Plays:
    """Stands in for `play`: nothing is started; bare scripts break what `kept` does not name."""

    def __init__(self, *kept: tuple[str, int]) -> None:
        self.kept = kept
        self.at_a_time = self.most = 0
        self.seeds: Counter[tuple[str, Against, int]] = Counter()

    async def play(
        self, fault: Fault, against: Against, *, seed: int, starting: asyncio.Semaphore
    ) -> Verdict:
        assert isinstance(starting, asyncio.Semaphore)
        self.seeds[fault.name, against, seed] += 1
        self.at_a_time += 1
        self.most = max(self.most, self.at_a_time)
        await asyncio.sleep(0.001 * (seed % 3))
        self.at_a_time -= 1
        kept = against == "supervisor" or (fault.name, seed) in self.kept
        return Verdict(fault, against, seed, 1.0, 1, () if kept else ("it did not",))


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Plays:
    stand_in = Plays(("stream/close", 2))
    monkeypatch.setattr(schedule, "play", stand_in.play)
    return stand_in


async def played(runs: int, jobs: int = 4) -> list[Row]:
    faults = [FAULTS[name] for name in NAMES]
    return [row async for row in schedule.rows(faults, BOTH, runs=runs, seed=0, jobs=jobs)]


async def test_the_supervisor_is_played_every_time_and_every_run_has_its_seed(plays: Plays) -> None:
    rows = [row for row in await played(10) if row.against == "supervisor"]
    assert [len(row.verdicts) for row in rows] == [10, 10, 10]
    assert set(plays.seeds.values()) == {1}


@pytest.mark.usefixtures("plays")
async def test_a_bare_script_that_fails_three_times_is_not_played_again_and_the_row_says_so() -> (
    None
):
    unlinked, close = (row for row in await played(10) if row.against == "bare")
    assert len(unlinked.verdicts) == schedule.TRIES
    assert unlinked.count == ", n=3"
    assert len(close.verdicts) == 10


@pytest.mark.usefixtures("plays")
async def test_rows_come_in_the_order_of_the_faults_without_what_a_bare_script_lacks() -> None:
    assert [(row.fault.name, row.against) for row in await played(2)] == [
        ("stream/unlinked", "supervisor"),
        ("stream/unlinked", "bare"),
        ("stream/close", "supervisor"),
        ("stream/close", "bare"),
        ("host/restart", "supervisor"),
    ]


async def test_no_more_than_the_wanted_number_runs_at_a_time(plays: Plays) -> None:
    await played(10, jobs=3)
    assert plays.most == 3


async def test_a_defect_of_a_run_ends_the_schedule(
    plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def defective(*_: object, **__: object) -> Verdict:
        raise ZeroDivisionError

    del plays
    monkeypatch.setattr(schedule, "play", defective)
    with pytest.raises(ExceptionGroup) as raised:
        await played(1)
    assert raised.group_contains(ZeroDivisionError)
