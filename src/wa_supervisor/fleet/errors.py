"""Every error of a fleet, as one tree.

SupervisorError
├── StoreError
│   └── NoFleet             the database has no tables of a fleet
└── FleetError              what was ordered cannot be done
    ├── NoSuchSession       the fleet has no session of that name
    ├── AlreadyAdded        it has one already
    ├── NotMovable          the session is pairing or banned: it stays where it is
    ├── NoSuchWorker        the fleet has no worker of that name
    └── WorkerUnusable      the worker is dead, draining or full
"""

from __future__ import annotations

from ..errors import StoreError, SupervisorError


class NoFleet(StoreError):
    """Raised when the database has no tables of a fleet."""


class FleetError(SupervisorError):
    """The base of what is said when an order to a fleet cannot be carried out."""


class NoSuchSession(FleetError):
    """Raised when the fleet has no session of that name."""


class AlreadyAdded(FleetError):
    """Raised when a session is added that the fleet has already."""


class NotMovable(FleetError):
    """Raised when a session is to be moved that is pairing, or that WhatsApp has banned."""


class NoSuchWorker(FleetError):
    """Raised when the fleet has no worker of that name."""


class WorkerUnusable(FleetError):
    """Raised when a worker takes no session: it is dead, draining or full."""
