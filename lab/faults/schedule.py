"""Plays every fault against every program so often, several at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from .fault import Fault
from .matrix import Row
from .play import Verdict, play
from .rig import Against

TRIES = 3
"""Runs after which a bare script that failed them all is not played any further."""


@dataclass
class _Series:
    """All runs of one fault against one program."""

    fault: Fault
    against: Against
    runs: int
    verdicts: list[Verdict] = field(default_factory=list)
    begun: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def wanted(self) -> int:
        """How many runs are to be begun, by what is known so far."""
        if self.against == "supervisor" or any(verdict.kept for verdict in self.verdicts):
            return self.runs
        return min(self.runs, TRIES)

    def note(self, verdict: Verdict) -> None:
        """Note how a run went."""
        self.verdicts.append(verdict)
        if len(self.verdicts) == self.wanted:
            self.over.set()


async def rows(
    faults: Iterable[Fault], against: Sequence[Against], *, runs: int, seed: int, jobs: int
) -> AsyncIterator[Row]:
    """Play every fault, `jobs` runs at a time; yield its rows in order as they are complete.

    Starting and pairing is work, for as many processors as there are; the rest of a run is mostly
    waiting. So no more sessions are being started than there are processors.
    """
    due = [
        _Series(fault, who, runs)
        for fault in faults
        for who in against
        if who == "supervisor" or not fault.supervisor_only
    ]
    starting = asyncio.Semaphore(os.cpu_count() or 1)
    news = asyncio.Condition()

    async def work() -> None:
        while (series := await _next(due, news)) is not None:
            number = series.begun
            series.begun += 1
            verdict = await play(
                series.fault, series.against, seed=seed + number, starting=starting
            )
            async with news:
                series.note(verdict)
                news.notify_all()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(jobs):
            tasks.create_task(work())
        for series in due:
            await series.over.wait()
            yield Row(series.fault, series.against, tuple(series.verdicts))


async def _next(due: Sequence[_Series], news: asyncio.Condition) -> _Series | None:
    """Return the first series with a run to begin, None once every series is over."""
    async with news:
        while not all(series.over.is_set() for series in due):
            for series in due:
                if series.begun < series.wanted:
                    return series
            await news.wait()
    return None
