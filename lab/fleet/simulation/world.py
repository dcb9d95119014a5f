"""Plays a bad time and checks, in every step, what a fleet must never break."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from wa_supervisor.fleet.tick import TICK_EVERY

from ..stays import busiest
from .conditions import Conditions
from .events import Clock, Events
from .postgres import Job, Postgres, State
from .worker import STATEMENT_SECONDS, Registration, Worker

STORM: Final = 30.0
"""Seconds without Postgres, at the end: every session is ended, and all come back at once."""
_BURST: Final = 10.0
"""Seconds over which the pace of dials is judged."""


class Broken(Exception):
    """Raised in the step in which a promise is not kept."""


@dataclass
class Story:
    """How it went."""

    dials: list[float] = field(default_factory=list)
    taken_for_dead: int = 0
    calm_after: float = 0.0
    """Seconds from the last fault's end until all sessions were connected."""
    fell: int = 0
    """Sessions that a Postgres which was down for `STORM` seconds has ended."""
    up_after: float = 0.0
    """Seconds from then on until all were connected again."""
    loads: list[int] = field(default_factory=list)
    """Sessions of each worker in the end."""
    most_at_one: int = 0
    """Sessions of the fullest worker, at most."""
    went_wrong: list[str] = field(default_factory=list)


def play(conditions: Conditions, seed: int) -> Story:
    """Start a fleet, let things go wrong, and wait until all is well. Raises Broken."""
    world = _World(conditions, random.Random(seed))
    return world.play()


class _World:
    def __init__(self, conditions: Conditions, dice: random.Random) -> None:
        self.conditions = conditions
        self.dice = dice
        self.events = Events()
        self.story = Story()
        self.postgres = Postgres(conditions, self._clock(), self._claimed, self._given)
        self.postgres.homeless = {f"s{number:05d}" for number in range(conditions.sessions)}
        self.holders: dict[str, set[Registration]] = defaultdict(set)
        self.connected: set[str] = set()
        self.workers = [self._worker(number) for number in range(conditions.workers)]

    def play(self) -> Story:
        rules = self.conditions
        for worker in self.workers:
            self.events.after(self.dice.uniform(0, 2), worker.start)
        self.events.after(TICK_EVERY, self._tick)
        calm = rules.sessions * rules.apart * (1 + 2 * rules.drift) + 3 * rules.timing.dead_after
        self._until_all_up("at the start", 2 * calm)
        began = self.events.now
        for _ in range(rules.faults):
            self.events.after(self.dice.uniform(0, rules.trouble), self._fault)
        self.events.run(began + rules.trouble + rules.down[1])
        self.story.calm_after = self._until_all_up("after the trouble", 2 * calm)
        self.postgres.turn(State.DOWN)
        self.events.run(self.events.now + STORM)
        self.story.fell = rules.sessions - len(self.connected)
        self.postgres.turn(State.UP)
        self.story.up_after = self._until_all_up("after the storm", 2 * calm)
        self._check_pace()
        self.story.loads = sorted(len(row.jobs) for row in self.postgres.workers.values())
        self.story.taken_for_dead = self.postgres.taken_for_dead
        return self.story

    def _until_all_up(self, when: str, at_most: float) -> float:
        """Let time pass until all sessions are connected; return how long that took."""
        began = self.events.now
        while len(self.connected) < self.conditions.sessions and self.events.now < began + at_most:
            self.events.run(self.events.now + 1)
        self._check_all_up(when)
        return self.events.now - began

    # -- what goes wrong

    def _fault(self) -> None:
        acts = (self._crash, self._cut, self._freeze, self._drain, self._join, self._blip)
        act = self.dice.choices(acts, weights=(4, 4, 4, 2, 1, 2))[0]
        lasts = self.dice.uniform(*self.conditions.down)
        victim = self.dice.choice(self.workers)
        name = act.__name__.removeprefix("_")
        self.story.went_wrong.append(f"{self.events.now:.1f} {name} {victim.name} {lasts:.1f}")
        act(victim, lasts)

    def _crash(self, victim: Worker, lasts: float) -> None:
        if not victim.dead:
            victim.crash()
            self.events.after(lasts, victim.start)

    def _cut(self, victim: Worker, lasts: float) -> None:
        victim.cut = True
        self.events.after(lasts, lambda: setattr(victim, "cut", False))

    def _freeze(self, victim: Worker, lasts: float) -> None:
        if not victim.frozen:
            victim.frozen = victim.was_frozen = True
            self.events.after(lasts, victim.wake)

    def _drain(self, victim: Worker, lasts: float) -> None:
        def drain(*, on: bool) -> None:
            row = self.postgres.workers.get(victim.current.id) if victim.current else None
            if row is not None:
                row.draining = on

        drain(on=True)
        self.events.after(lasts, lambda: drain(on=False))

    def _join(self, _victim: Worker, _lasts: float) -> None:
        self.workers.append(self._worker(len(self.workers)))
        self.workers[-1].start()

    def _blip(self, _victim: Worker, lasts: float) -> None:
        if self.postgres.state is State.UP:
            self.postgres.turn(self.dice.choice((State.DOWN, State.FROZEN)))
            self.events.after(lasts, lambda: self.postgres.turn(State.UP))

    # -- what must hold

    def _claimed(self, job: Job) -> None:
        new = self._registration(job.worker)
        for worker, old in self._holders(job.session):
            if old is new:
                continue
            if old.lease.holds(worker.clock.time()) and not worker.frozen:
                self._break(f"{old.id} believes in {job.session}, and {job.worker} has it")
            if not worker.was_frozen:
                self._break(f"{old.id} has a client of {job.session}, and {job.worker} gets one")
            old.lost.add(job.session)
        if new is not None and new.sessions.get(job.session) is job:
            self.holders[job.session].add(new)

    def renewed(self, own: Registration, now: float) -> None:
        """One whose session another has must never believe again."""
        if own.lost and own.lease.holds(now):
            self._break(f"{own.id} believes again in what is another's: {sorted(own.lost)}")

    def dialled(self, session: str) -> None:
        """Note a client that logs in."""
        self.story.dials.append(self.events.now)
        self.connected.add(session)

    def gone(self, own: Registration, session: str) -> None:
        """Note a client that has ended."""
        self.holders[session].discard(own)
        if not any(True for _ in self._holders(session)):
            self.connected.discard(session)

    def _given(self, job: Job) -> None:
        load = len(self.postgres.workers[job.worker].jobs)
        self.story.most_at_one = max(self.story.most_at_one, load)
        if load > self.conditions.capacity:
            self._break(f"{job.worker} has {load} sessions: more than it can")

    def _check_all_up(self, when: str) -> None:
        down = self.conditions.sessions - len(self.connected)
        if down:
            self._break(f"{down} sessions are down {when}, with room for all")

    def _check_pace(self) -> None:
        rules = self.conditions
        # An answer that is late lets what was granted before come together with what is granted.
        window = _BURST * (1 + 2 * rules.drift) + STATEMENT_SECONDS
        most, allowed = busiest(self.story.dials, _BURST), window / rules.apart + 1
        if most > allowed:
            self._break(f"{most} dials within {_BURST:g} s: {allowed:.0f} are allowed")

    # -- who is who

    def _tick(self) -> None:
        """Whoever reaches Postgres first looks after all the others."""
        who = [each for each in self.workers if not (each.cut or each.dead or each.frozen)]
        if who and self.postgres.state is State.UP:
            self.postgres.tick()
        self.events.after(TICK_EVERY, self._tick)

    def _holders(self, session: str) -> list[tuple[Worker, Registration]]:
        return [(self._of(each), each) for each in self.holders[session]]

    def _of(self, registration: Registration) -> Worker:
        return self.workers[int(registration.id[1:].partition(".")[0])]

    def _registration(self, ident: str) -> Registration | None:
        current = self.workers[int(ident[1:].partition(".")[0])].current
        return current if current is not None and current.id == ident else None

    def _worker(self, number: int) -> Worker:
        clock, name = self._clock(), f"w{number}"
        return Worker(
            name, self.conditions, self.events, clock, self.postgres, self.dice, watched_by=self
        )

    def _clock(self) -> Clock:
        drift = self.conditions.drift
        return Clock(self.events, self.dice.uniform(1 - drift, 1 + drift), self.dice.uniform(0, 99))

    def _break(self, what: str) -> None:
        recent = "; ".join(self.story.went_wrong[-5:])
        raise Broken(f"at {self.events.now:.2f} s: {what} (before that: {recent})")
