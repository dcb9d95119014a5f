"""The pure core: facts in, steps out. No I/O, no clock, no randomness of its own.

Each part is imported when it is first asked for: the settings and the session process want the
words of the core and not the machine, and a command that explains a reason not even the policy.
"""

from __future__ import annotations

from ..lazy import exports

TYPE_CHECKING = False  # as type checkers read it

if TYPE_CHECKING:
    from . import effects, facts
    from .chart import SessionChart
    from .core import SessionCore, Step
    from .model import Child, Clock, DeadKeysPlan, Logout, Phase, Session, State, Work
    from .policy import PROFILES, Backoff, Budget, Conflict, Limit, Policy
    from .reasons import Reason, Who

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
        "PROFILES": "policy",
        "Backoff": "policy",
        "Budget": "policy",
        "Child": "model",
        "Clock": "model",
        "Conflict": "policy",
        "DeadKeysPlan": "model",
        "Limit": "policy",
        "Logout": "model",
        "Phase": "model",
        "Policy": "policy",
        "Reason": "reasons",
        "Session": "model",
        "SessionChart": "chart",
        "SessionCore": "core",
        "State": "model",
        "Step": "core",
        "Who": "reasons",
        "Work": "model",
        "effects": "effects",
        "facts": "facts",
    },
)
