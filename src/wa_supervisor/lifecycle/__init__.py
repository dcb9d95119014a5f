"""The pure core: facts in, steps out. No I/O, no clock, no randomness of its own.

The chart and what runs it are imported when they are first asked for: the settings and the session
process want the words of the core, not the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports
from .model import Child, Clock, DeadKeysPlan, Logout, Phase, Session, State, Work
from .policy import PROFILES, Backoff, Budget, Conflict, Limit, Policy
from .reasons import Reason, Who

if TYPE_CHECKING:
    from . import effects, facts
    from .chart import SessionChart
    from .core import SessionCore, Step

__all__ = [
    "PROFILES",
    "Backoff",
    "Budget",
    "Child",
    "Clock",
    "Conflict",
    "DeadKeysPlan",
    "Limit",
    "Logout",
    "Phase",
    "Policy",
    "Reason",
    "Session",
    "SessionChart",
    "SessionCore",
    "State",
    "Step",
    "Who",
    "Work",
    "effects",
    "facts",
]

__getattr__ = exports(
    __name__,
    {
        "SessionChart": "chart",
        "SessionCore": "core",
        "Step": "core",
        "effects": "effects",
        "facts": "facts",
    },
)
