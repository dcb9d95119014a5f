"""What the simulated world is going to do, in the order of virtual time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

Deed = Callable[[], None]


class Agenda:
    """Deeds by the virtual time at which they are due; of one time, the earlier booked first."""

    def __init__(self) -> None:
        self.now = 0.0
        """The virtual time in seconds. It moves only when a deed or a clock is due."""
        self._deeds: list[tuple[float, int, Deed]] = []
        self._order = itertools.count()

    @property
    def due(self) -> float:
        """When the next deed is due; infinity if there is none."""
        return self._deeds[0][0] if self._deeds else math.inf

    def after(self, seconds: float, deed: Deed) -> None:
        """Book a deed this many seconds from now."""
        heapq.heappush(self._deeds, (self.now + seconds, next(self._order), deed))

    def advance(self) -> None:
        """Move to the next deed and do it."""
        self.now, _, deed = heapq.heappop(self._deeds)
        deed()
