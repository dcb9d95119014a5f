"""The fleet's tables, and what is done in them: each method is one transaction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from wa_supervisor.fleet.decisions import Drop, End, Give, JobRow, SessionRow, decide
from wa_supervisor.fleet.placement import Place
from wa_supervisor.fleet.tick import GATHERS, TICK_EVERY

from .conditions import Conditions
from .events import Act, Clock


class State(Enum):
    """Whether it answers."""

    UP = auto()
    DOWN = auto()
    FROZEN = auto()


@dataclass
class WorkerRow:
    """A worker that has registered, until it is taken for dead."""

    capacity: int
    heartbeat: float
    draining: bool = False
    jobs: dict[int, Job] = field(default_factory=dict)
    news: dict[int, Job] = field(default_factory=dict)
    """The jobs that it has to begin, or to end."""


@dataclass
class Job:
    """One worker's right to one session."""

    id: int
    session: str
    worker: str
    running: bool = False
    ending: bool = False


@dataclass
class Postgres:
    """One database."""

    conditions: Conditions
    clock: Clock
    on_claim: Callable[[Job], None]
    """Called in the transaction in which a worker becomes the owner of a session."""
    on_give: Callable[[Job], None]
    """Called when a session was placed."""
    state: State = State.UP
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    of_session: dict[str, Job] = field(default_factory=dict)
    homeless: set[str] = field(default_factory=set)
    """Sessions that have no job."""
    next_dial: float = 0.0
    taken_for_dead: int = 0
    _last: dict[str, str] = field(default_factory=dict)
    _orphans: list[Job] = field(default_factory=list)
    _ticked_at: float = -math.inf
    _places_from: float = -math.inf
    _late: list[Act] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def take(self, statement: Act) -> None:
        """Carry a statement out: now, later if it is frozen, or never if it is down."""
        if self.state is State.UP:
            statement()
        elif self.state is State.FROZEN:
            self._late.append(statement)

    def turn(self, state: State) -> None:
        """Go down, freeze, or come back."""
        self.state = state
        if state is State.UP:
            late, self._late = self._late, []
            for statement in late:
                statement()

    def register(self, worker: str) -> str:
        """Know of a worker; what it had under its former registration is nobody's."""
        for former in [name for name in self.workers if _name(name) == _name(worker)]:
            self._orphans += self.workers.pop(former).jobs.values()
        self.workers[worker] = WorkerRow(self.conditions.capacity, self.clock.time())
        return worker

    def heartbeat(self, worker: str) -> list[Job]:
        """Renew a lease, and tell what is new.

        One who was taken for dead is not told: the lease alone must do.
        """
        row = self.workers.get(worker)
        if row is None:
            return []
        row.heartbeat = self.clock.time()
        return list(row.news.values())

    def tick(self) -> None:
        """Do what follows from the rows."""
        now, timing = self.clock.time(), self.conditions.timing
        if self._ticked_at < now - timing.dead_after - TICK_EVERY:
            self._places_from = now + GATHERS * timing.heartbeat_every
        self._ticked_at = now
        alive_since = now - timing.dead_after
        dead = [name for name, row in self.workers.items() if row.heartbeat < alive_since]
        self._orphans += [job for name in dead for job in self.workers.pop(name).jobs.values()]
        self.taken_for_dead += len(dead)
        orphans = [job for job in self._orphans if job.id in self.jobs]
        self._orphans = []
        jobs = orphans + [
            job
            for row in self.workers.values()
            for job in row.jobs.values()
            if row.draining or job.ending
        ]
        all_wait = now < self._places_from
        by_name = {_name(ident): ident for ident in self.workers}
        rows = [
            SessionRow(name, last=by_name.get(self._last.get(name, "")), waits=all_wait)
            for name in sorted({*self.homeless, *(each.session for each in jobs)})
        ]
        if not rows:
            return
        places = [
            Place(name, row.capacity, len(row.jobs), row.draining)
            for name, row in self.workers.items()
        ]
        told = [
            JobRow(
                job.id,
                job.session,
                job.worker if job.worker in self.workers else None,
                job.running,
                job.ending,
            )
            for job in jobs
        ]
        for action in decide(rows, told, places):
            match action:
                case Drop(job=number):
                    self._delete(self.jobs[number])
                case End(job=number):
                    ending = self.jobs[number]
                    ending.ending = True
                    self.workers[ending.worker].news[number] = ending
                case Give(session=session, worker=worker):
                    self._give(session, worker)

    def claim(self, job: Job) -> Job | None:
        """Make the worker the owner, if the job is its own still."""
        if job.id not in self.jobs or job.running or job.worker not in self.workers:
            return None
        job.running = True
        del self.workers[job.worker].news[job.id]
        self._last[job.session] = _name(job.worker)
        self.on_claim(job)
        return job

    def permit(self, job: Job) -> float | None:
        """Say in how many seconds an owner may dial; nobody else may."""
        if job.id not in self.jobs or job.worker not in self.workers:
            return None
        self.next_dial = max(self.next_dial, self.clock.time()) + self.conditions.apart
        return self.next_dial - self.clock.time()

    def end(self, job: Job) -> Job:
        """Note that a worker has ended a job."""
        if job.id in self.jobs:
            self._delete(job)
            self._last.pop(job.session, None)
        return job

    def _give(self, session: str, worker: str) -> None:
        job = Job(next(self._ids), session, worker)
        self.jobs[job.id] = self.of_session[session] = job
        row = self.workers[worker]
        row.jobs[job.id] = row.news[job.id] = job
        self.homeless.discard(session)
        self.on_give(job)

    def _delete(self, job: Job) -> None:
        del self.jobs[job.id], self.of_session[job.session]
        if job.worker in self.workers:
            row = self.workers[job.worker]
            del row.jobs[job.id]
            row.news.pop(job.id, None)
        self.homeless.add(job.session)


def _name(registration: str) -> str:
    return registration.partition(".")[0]
