"""Virtual time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

Act = Callable[[], None]


@dataclass
class Events:
    """What happens when; `now` is true time, which nobody in the model knows."""

    now: float = 0.0
    _queue: list[tuple[float, int, Act]] = field(default_factory=list)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def after(self, seconds: float, act: Act) -> None:
        """Do something then."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._count), act))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, act = heapq.heappop(self._queue)
            act()
        self.now = until


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock with a speed and a zero of its own."""

    events: Events
    speed: float
    zero: float

    def time(self) -> float:
        """What it shows."""
        return self.zero + self.events.now * self.speed

    def until(self, shown: float) -> float:
        """True seconds until it shows this."""
        return max(0.0, (shown - self.time()) / self.speed)
