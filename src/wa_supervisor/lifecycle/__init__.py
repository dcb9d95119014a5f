"""The pure core: facts in, steps out. No I/O, no clock, no randomness of its own."""

from __future__ import annotations

from . import effects, facts
from .chart import SessionChart
from .core import SessionCore, Step
from .model import Child, Clock, Phase, Sequel, Session, Work
from .policy import PROFILES, Backoff, Budget, Conflict, Limit, Policy
from .reasons import Reason, Who

__all__ = [
    "PROFILES",
    "Backoff",
    "Budget",
    "Child",
    "Clock",
    "Conflict",
    "Limit",
    "Phase",
    "Policy",
    "Reason",
    "Sequel",
    "Session",
    "SessionChart",
    "SessionCore",
    "Step",
    "Who",
    "Work",
    "effects",
    "facts",
]
