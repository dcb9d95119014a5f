"""What a fleet needs of its Postgres. Pure."""

from __future__ import annotations

from typing import Final

A_SESSION: Final = 2
"""Connections of a session process: Go's `database/sql` keeps two, which never end, and opens more
for a moment when more queries are under way at once. Measured on neonize 0.5.2, connected: 2."""
A_WORKER: Final = 10
"""Connections of a worker at most: four of its own (`database.CONNECTIONS`), as many of the engine,
that of its heartbeat and that of its page."""
BESIDE: Final = 20
"""For what is opened for a moment, for operators, and those that Postgres keeps for superusers."""
OLDEST: Final = 13
"""The oldest major version of Postgres that the engine runs on."""


def connections(sessions: int, workers: int) -> int:
    """Say how large Postgres' `max_connections` should be."""
    return sessions * A_SESSION + workers * A_WORKER + BESIDE
