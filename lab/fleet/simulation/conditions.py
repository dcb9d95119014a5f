"""How large the fleet is, and how bad its world."""

from __future__ import annotations

from dataclasses import dataclass, field

from wa_supervisor.fleet.lease import Timing


@dataclass(frozen=True, slots=True)
class Conditions:
    """All times are in seconds."""

    sessions: int = 10_000
    workers: int = 50
    capacity: int = 300
    """Sessions a worker."""
    trouble: float = 300.0
    """For how long things go wrong."""
    faults: int = 30
    """How many do in that time."""
    apart: float = 0.02
    """Between two dials of the fleet."""
    timing: Timing = field(default_factory=Timing)
    drift: float = 0.01
    """By how much of its speed a clock is wrong at most; Postgres' own as well."""
    delay: float = 0.02
    """Of a message on its way, at most, but for few."""
    slow: float = 0.002
    """The share of messages that are on their way for seconds."""
    late: float = 1.0
    """By how much a timer is late at most, and for how long session processes are being killed."""
    down: tuple[float, float] = (1.0, 40.0)
    """How long a fault lasts."""
