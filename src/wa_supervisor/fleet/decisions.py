"""What is to be done so that each session of the fleet runs on one worker that lives.

Pure: rows of the database come in, actions come out. It is asked each second and whenever
something has changed, so it says nothing of how things came about: a session that has no job is
given one, be it new, moved, or of a worker that died.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .placement import Place, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session of the fleet."""

    name: str
    removed: bool = False
    """Whether it is to run nowhere."""
    wanted: str | None = None
    """The worker to which an operator has ordered it."""
    last: str | None = None
    """The worker that had it and did not hand it over: what it has not read yet is there."""
    stays: bool = False
    """Whether it is not to be moved while its worker lives: it is pairing, or banned."""
    waits: bool = False
    """Whether it could not be begun a moment ago, and is not to be tried again yet."""
    failed_on: tuple[str, ...] = ()
    """The workers on which it could not be begun, the last one last; none once it was."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job of the engine, which is one worker's right and duty to run a session."""

    id: int
    session: str
    worker: str | None
    """The worker that runs it, or is to; None if that one is dead."""
    running: bool
    """Whether it was begun."""
    ending: bool = False
    """Whether it was asked to end."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete a job that nobody runs."""

    job: int
    session: str


@dataclass(frozen=True, slots=True)
class End:
    """Ask the worker that runs a job to end it."""

    job: int
    session: str


@dataclass(frozen=True, slots=True)
class Give:
    """Make a job for a session, for this worker."""

    session: str
    worker: str


Action = Drop | End | Give


def decide(
    sessions: Iterable[SessionRow], jobs: Iterable[JobRow], places: Iterable[Place]
) -> list[Action]:
    """Return what is to be done, in this order.

    `places` are the workers that live, with the number of their jobs as their load. Sessions and
    jobs about which there is nothing to do may be left out.
    """
    return list(_Decision(sessions, jobs, places).actions())


@dataclass
class _Decision:
    sessions: Iterable[SessionRow]
    jobs: Iterable[JobRow]
    places: Iterable[Place]
    _rows: Mapping[str, SessionRow] = field(init=False)
    _places: Mapping[str, Place] = field(init=False)
    _loads: dict[str, int] = field(init=False)
    _kept: dict[str, JobRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows = {each.name: each for each in self.sessions}
        self._places = {each.worker: each for each in self.places}
        self._loads = {each.worker: each.load for each in self._places.values()}

    def actions(self) -> Iterator[Action]:
        of_session: dict[str, list[JobRow]] = defaultdict(list)
        for job in self.jobs:
            of_session[job.session].append(job)
        for session in sorted(of_session):
            yield from self._look_at(session, of_session[session])
        yield from self._give()
        yield from self._move()

    def _look_at(self, session: str, jobs: list[JobRow]) -> Iterator[Action]:
        """Keep one job of a session at most: the one that runs, else the oldest."""
        row = self._rows.get(session)
        for job in sorted(jobs, key=lambda each: (not each.running, each.id)):
            if job.worker is None or job.worker not in self._places:
                yield Drop(job.id, session)
            elif job.running and (row is None or row.removed or session in self._kept):
                if not job.ending:
                    yield End(job.id, session)
                self._kept.setdefault(session, job)
            elif not job.running and self._is_superfluous(job, row):
                self._loads[job.worker] -= 1
                yield Drop(job.id, session)
            else:
                self._kept[session] = job

    def _is_superfluous(self, job: JobRow, row: SessionRow | None) -> bool:
        """Whether a job that was not begun is to go: its session is then placed anew, if at all."""
        assert job.worker is not None
        at = self._places[job.worker]
        no_room = at.draining or self._loads[job.worker] > at.capacity
        return row is None or row.removed or job.session in self._kept or no_room

    def _give(self) -> Iterator[Give]:
        """Place what has no job."""
        idle = sorted(
            row.name
            for row in self._rows.values()
            if not (row.removed or row.waits or row.name in self._kept)
        )
        rows = [self._rows[name] for name in idle]
        wanted = {row.name: to for row in rows if (to := row.wanted or row.last) is not None}
        places = [
            Place(each.worker, each.capacity, self._loads[each.worker], each.draining)
            for each in self._places.values()
        ]
        failed_on = {row.name: row.failed_on for row in rows if row.failed_on}
        for session, worker in place(idle, places, wanted, failed_on).items():
            self._loads[worker] += 1
            yield Give(session, worker)

    def _move(self) -> Iterator[End]:
        """End what is to run elsewhere, if there is room for it there.

        It is placed when it has ended; until then it takes up its room at both workers.
        """
        room = {
            name: each.capacity - self._loads[name]
            for name, each in self._places.items()
            if not each.draining and each.capacity > self._loads[name]
        }
        running = [self._kept[name] for name in sorted(self._kept) if self._kept[name].running]
        leaving = sum(job.ending and not self._row(job).removed for job in running)
        left = sum(room.values()) - leaving
        for job in running:
            row = self._row(job)
            if job.ending or row.removed or row.stays or left <= 0:
                continue
            assert job.worker is not None
            if row.wanted in room and row.wanted != job.worker and room[row.wanted] > 0:
                room[row.wanted] -= 1
            elif not self._places[job.worker].draining:
                continue
            left -= 1
            yield End(job.id, job.session)

    def _row(self, job: JobRow) -> SessionRow:
        return self._rows.get(job.session) or SessionRow(job.session, removed=True)
