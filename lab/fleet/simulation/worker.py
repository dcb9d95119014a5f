"""A worker: its lease, its sessions, and how it talks to a Postgres that may not answer."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from wa_supervisor.fleet.lease import Lease

from .conditions import Conditions
from .events import Act, Clock, Events
from .postgres import Job, Postgres

_T = TypeVar("_T")

STATEMENT_SECONDS: Final = 4.0
"""After which a worker takes a statement for lost."""
_LONG_WAY: Final = 4.0
"""Seconds that a message takes now and then, at most."""


@dataclass(eq=False)
class Registration:
    """A worker from its registration in Postgres until it is fenced or ends."""

    id: str
    lease: Lease
    sessions: dict[str, Job] = field(default_factory=dict)
    """Those whose clients live here."""
    lost: set[str] = field(default_factory=set)
    """Those of them which are another's by now."""
    waiting: deque[Job] = field(default_factory=deque)
    """Those that are to dial, in their order."""
    asks: bool = False
    """Whether a turn was asked for, or given and not taken yet."""
    ended: set[int] = field(default_factory=set)
    """Jobs that are over here, whatever Postgres knows yet; none is begun again."""
    over: bool = False


class Watcher(Protocol):
    """Who judges; it changes nothing."""

    def renewed(self, own: Registration, now: float) -> None:
        """A lease goes on."""

    def dialled(self, session: str) -> None:
        """A client logs in."""

    def gone(self, own: Registration, session: str) -> None:
        """A client has ended."""


@dataclass(eq=False)
class Worker:
    """One program on one machine; it registers anew each time it has lost its lease."""

    name: str
    conditions: Conditions
    events: Events
    clock: Clock
    postgres: Postgres
    dice: random.Random
    watched_by: Watcher
    current: Registration | None = None
    cut: bool = False
    frozen: bool = False
    dead: bool = False
    was_frozen: bool = False
    """Since its last registration."""
    _times: int = 0
    _late: list[Act] = field(default_factory=list)

    def start(self) -> None:
        """Begin, or begin again after a crash."""
        self.dead = False
        self._register()

    def crash(self) -> None:
        """End at once, with all clients."""
        self.dead = True
        if self.current is not None:
            self._kill(self.current)
        self.current = None

    def wake(self) -> None:
        """Go on after having been frozen: whatever was due is done now, in any order."""
        self.frozen = False
        late, self._late = self._late, []
        self.dice.shuffle(late)
        for act in late:
            self._soon(act)

    # -- the lease

    def _register(self) -> None:
        self._times += 1
        name, begun_at = f"{self.name}.{self._times}", self.clock.time()

        def answered(registered: str | None) -> None:
            lease = Lease(begun_at, self.conditions.timing)
            if registered is None or not lease.holds(self.clock.time()):
                self._after(1.0, self._register)
                return
            self.was_frozen = False
            self.current = Registration(name, lease)
            self._beat(self.current)
            self._watch(self.current)

        self._ask(lambda: self.postgres.register(name), answered)

    def _beat(self, own: Registration) -> None:
        """Write a heartbeat, whatever the time is: that the lease is over is the lease's to say."""
        if own.over:
            return
        begun_at = self.clock.time()

        def answered(news: list[Job] | None) -> None:
            if own.over:
                return
            if news is not None and own.lease.renew(begun_at, self.clock.time()):
                self.watched_by.renewed(own, self.clock.time())
                for job in news:
                    self._take(own, job)
            passed = self.clock.time() - begun_at
            self._after(max(0.0, self.conditions.timing.heartbeat_every - passed), beat_again)

        def beat_again() -> None:
            self._beat(own)

        self._ask(lambda: self.postgres.heartbeat(own.id), answered)

    def _watch(self, own: Registration) -> None:
        """Wake when the lease ends, or somewhat later; kill what lives then."""
        if own.over:
            return
        left = self.clock.until(own.lease.ends_at)
        if left <= 0 and not own.lease.holds(self.clock.time()):
            self._after(self._lateness(), lambda: self._fence(own))
        else:
            # A microsecond: the clock's last digits must not have it look for ever.
            self._after(left + 1e-6 + self._lateness(), lambda: self._watch(own))

    def _fence(self, own: Registration) -> None:
        if own.over:
            return
        self._kill(own)
        self.current = None
        self._register()

    def _kill(self, own: Registration) -> None:
        own.over = True
        for session in list(own.sessions):
            self._gone(own, session)

    # -- sessions

    def _take(self, own: Registration, job: Job) -> None:
        if job.ending:
            if job.session in own.sessions:
                self._after(self._lateness(), lambda: self._stop(own, job))
            else:
                self._end(own, job)
        elif job.session not in own.sessions and job.id not in own.ended:
            self._claim(own, job)

    def _claim(self, own: Registration, job: Job) -> None:
        own.sessions[job.session] = job

        def answered(claimed: Job | None) -> None:
            if own.over:
                return
            if claimed:
                own.waiting.append(job)
                self._dial_next(own)
            else:
                self._stop(own, job)

        self._ask(lambda: self.postgres.claim(job), answered)

    def _dial_next(self, own: Registration) -> None:
        """Ask for the next one's turn; one after the other, as turns that nobody takes are lost."""
        while own.waiting and not self._has(own, own.waiting[0]):
            own.waiting.popleft()
        if own.over or own.asks or not own.waiting:
            return
        job = own.waiting.popleft()
        own.asks = True

        def permitted(wait: float | None) -> None:
            if own.over:
                return
            if wait is None:
                own.asks = False
                self._stop(own, job)
                self._dial_next(own)
            else:
                self._after(wait, dial)

        def dial() -> None:
            own.asks = False
            if self._has(own, job) and own.lease.holds(self.clock.time()):
                self.watched_by.dialled(job.session)
            self._dial_next(own)

        self._ask(lambda: self.postgres.permit(job), permitted)

    def _has(self, own: Registration, job: Job) -> bool:
        return not own.over and own.sessions.get(job.session) is job

    def _stop(self, own: Registration, job: Job) -> None:
        if not own.over:
            self._gone(own, job.session)
            self._end(own, job)

    def _end(self, own: Registration, job: Job) -> None:
        own.ended.add(job.id)

        def answered(ended: Job | None) -> None:
            if ended is None and not own.over:
                self._end(own, job)

        self._ask(lambda: self.postgres.end(job), answered)

    def _gone(self, own: Registration, session: str) -> None:
        if own.sessions.pop(session, None) is not None:
            own.lost.discard(session)
            self.watched_by.gone(own, session)

    # -- time, and the way to Postgres

    def _ask(self, statement: Callable[[], _T], then: Callable[[_T | None], None]) -> None:
        """Have Postgres carry something out; `then` gets None if no answer came in time.

        That there is no answer does not say that it was not carried out.
        """
        times, waits = self._times, True

        def say(answer: _T | None) -> None:
            nonlocal waits
            if waits and times == self._times:
                waits = False
                then(answer)

        def arrive() -> None:
            if not self.cut:
                self.postgres.take(carry_out)

        def carry_out() -> None:
            answer = statement()
            self.events.after(self._delay(), lambda: come_back(answer))

        def come_back(answer: _T) -> None:
            if not self.cut:
                self._run(lambda: say(answer))

        self.events.after(self._delay(), arrive)
        self._after(STATEMENT_SECONDS, lambda: say(None))

    def _after(self, seconds: float, act: Act) -> None:
        """Do something in so many seconds of this worker's clock."""
        times = self._times

        def due() -> None:
            if times == self._times:
                self._run(act)

        self.events.after(seconds / self.clock.speed, due)

    def _run(self, act: Act) -> None:
        if self.dead:
            return
        if self.frozen:
            self._late.append(act)
        else:
            act()

    def _soon(self, act: Act) -> None:
        self.events.after(self.dice.uniform(0, 0.05), lambda: self._run(act))

    def _delay(self) -> float:
        slow = self.dice.random() < self.conditions.slow
        return self.dice.uniform(0, _LONG_WAY if slow else self.conditions.delay)

    def _lateness(self) -> float:
        return self.dice.uniform(0, self.conditions.late)
