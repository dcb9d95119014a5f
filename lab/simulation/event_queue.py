"""What the simulated world is going to do, in the order of virtual time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

Action = Callable[[], None]


class EventQueue:
    """Deeds by the virtual time at which they are due; of one time, the earlier booked first."""

    def __init__(self) -> None:
        self.now = 0.0
        """The virtual time in seconds. It moves only when a action or a clock is due."""
        self._actions: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    @property
    def due(self) -> float:
        """When the next action is due; infinity if there is none."""
        return self._actions[0][0] if self._actions else math.inf

    def after(self, seconds: float, action: Action) -> None:
        """Book a action this many seconds from now."""
        heapq.heappush(self._actions, (self.now + seconds, next(self._order), action))

    def advance(self) -> None:
        """Move to the next action and do it."""
        self.now, _, action = heapq.heappop(self._actions)
        action()
