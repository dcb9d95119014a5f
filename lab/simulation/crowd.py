"""Very many sessions of one program under one `Dials`, in virtual time.

Real cores and the real pace and breaker; WhatsApp is what `answer` says. Nothing waits but on a
heap, so a hundred thousand sessions live through hours in minutes.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque

from pydantic import SecretStr

from wa_supervisor.lifecycle import Policy, SessionCore, State, effects, facts
from wa_supervisor.multi.dials import Dials, Pace

UP = 0.5
"""Seconds from a dial to WhatsApp's answer."""
GONE = 0.1
"""Seconds from the word to the end of a session process."""


class Crowd:
    """So many sessions under one `Dials`; what is set of it says how WhatsApp answers each dial."""

    def __init__(self, count: int, pace: Pace, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.dials = Dials(pace)
        self.names = [f"s{number}" for number in range(count)]
        jitter, policy = self.random.random, Policy()
        self.cores = {name: SessionCore(policy=policy, jitter=jitter) for name in self.names}
        self.dialled: list[tuple[float, str]] = []
        self.opened = 0
        """How often the breaker has opened."""
        self.refused = False
        self.silent = False
        self.unpaired = False
        self._soon: list[tuple[float, int, str, facts.Fact]] = []
        self._alarms: list[tuple[float, str]] = []
        self._numbers = itertools.count()
        for name in self.names:
            self.dials.add(name)
            self.take(name, facts.DialsHeld("in turn"))
            self.take(name, facts.Start())

    def take(self, name: str, fact: facts.Fact | None) -> None:
        """Have a session take a fact, or its clock ring, and do what it asks for."""
        core = self.cores[name]
        step = core.handle(fact, self.now) if fact else core.tick(self.now)
        assert step is not None
        if core.deadline is not None:
            heapq.heappush(self._alarms, (core.deadline, name))
        if self.dials.hear(name, step, self.now):
            self.opened += self.dials.breaker.is_open
        for effect in step.effects:
            match effect:
                case effects.StartChild(generation=generation):
                    self.dialled.append((self.now, name))
                    answer: facts.Fact = facts.Connected(generation)
                    if self.refused:
                        answer = facts.ConnectFailure(generation, 500)
                    elif self.unpaired:
                        answer = facts.QrOffered(generation, SecretStr("a QR"), 60.0)
                    if not self.silent:
                        self._later(UP, name, answer)
                case effects.StopChild(generation=generation):
                    self._later(GONE, name, facts.ChildExited(generation, 0, None))
                case effects.PurgeSession():
                    self._later(GONE, name, facts.PurgeDone())

    def remove(self, name: str) -> None:
        """Have a session no more."""
        self.dials.remove(name)
        self.cores.pop(name)

    def go_on(self, until: float) -> None:
        """Let what is to happen until then happen."""
        while True:
            due = self._next_alarm(until)
            turn = self.dials.deadline(self.now)
            soon = self._soon[0][0] if self._soon else until
            at = min(due, soon, until if turn is None else turn)
            if at >= until:
                self.now = until
                return
            self.now = max(self.now, at)
            if soon <= self.now:
                _, _, name, fact = heapq.heappop(self._soon)
                if name in self.cores:
                    self.take(name, fact)
            elif due <= self.now:
                self.take(heapq.heappop(self._alarms)[1], None)
            else:
                granted = self.dials.grant(self.now, self.random.random())
                if granted is not None:
                    self.take(granted, facts.DialAllowed())

    def count(self, state: State) -> int:
        """How many are in this state."""
        return sum(core.session.phase.state is state for core in self.cores.values())

    def _later(self, seconds: float, name: str, fact: facts.Fact) -> None:
        heapq.heappush(self._soon, (self.now + seconds, next(self._numbers), name, fact))

    def _next_alarm(self, until: float) -> float:
        """When the next clock rings; an alarm that was put off or taken back is dropped."""
        while self._alarms:
            at, name = self._alarms[0]
            core = self.cores.get(name)
            if core is not None and core.deadline == at:
                return at
            heapq.heappop(self._alarms)
        return until


def most_within(dialled: list[tuple[float, str]], seconds: float) -> int:
    """The most dials that begin within so many seconds."""
    window: deque[float] = deque()
    most = 0
    for at, _ in dialled:
        window.append(at)
        while window[0] < at - seconds:
            window.popleft()
        most = max(most, len(window))
    return most
