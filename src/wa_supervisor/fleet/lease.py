"""How long a worker may believe that its sessions are its own.

A worker's heartbeat in Postgres is its lease. Others take its sessions over `dead_after` seconds
after the last one that Postgres has seen; so the worker itself must have let go of them before, and
it goes by the time at which it *began* to write the last heartbeat that was acknowledged, on a
clock that also counts while the machine is suspended.

Pure: times come in as values, in seconds on such a clock (CLOCK_BOOTTIME).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

HEARTBEAT_EVERY: Final = 1.0
"""Seconds between two heartbeats of a worker."""
DEAD_AFTER: Final = 10.0
"""Seconds without a heartbeat after which others take a worker's sessions."""
MARGIN: Final = 4.0
"""Seconds before that at which a worker lets go: for killing its session processes, for timers that
are late, and for clocks that run at different speeds."""
LASTS: Final = DEAD_AFTER - MARGIN
"""Seconds for which an acknowledged heartbeat proves that the sessions are this worker's."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The lease in seconds. The same for all workers of a fleet: each judges the others by it."""

    heartbeat_every: float = HEARTBEAT_EVERY
    dead_after: float = DEAD_AFTER
    margin: float = MARGIN

    @property
    def lasts(self) -> float:
        """For how long an acknowledged heartbeat proves that the sessions are the worker's."""
        return self.dead_after - self.margin


@dataclass(slots=True)
class Lease:
    """The proof that the sessions of this worker are its own, as old as its last heartbeat."""

    proved_at: float
    """When the last acknowledged heartbeat was begun."""
    timing: Timing = field(default_factory=Timing)

    @property
    def ends_at(self) -> float:
        """From when on nothing of WhatsApp may live here."""
        return self.proved_at + self.timing.lasts

    def holds(self, now: float) -> bool:
        """Whether the sessions are this worker's still.

        Asked before each renewal, too: a worker that was frozen would else renew what has passed to
        another in the meantime.
        """
        return now < self.ends_at

    def renew(self, begun_at: float, now: float) -> bool:
        """Take an acknowledged heartbeat, begun then. Return whether the lease goes on.

        One that is acknowledged after the lease has ended proves nothing.
        """
        if not self.holds(now):
            return False
        self.proved_at = max(self.proved_at, begun_at)
        return True

    def lose(self) -> None:
        """End it now: others have taken this worker for dead."""
        self.proved_at = -math.inf
