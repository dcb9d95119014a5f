"""Keeps one WhatsApp Web session alive and tells the truth about it.

The public names are loaded on first use: the session process imports this package too, and what
it does not use must not cost it memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import exports

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        Damaged,
        JournalError,
        LockHeld,
        SessionError,
        StoreError,
        SupervisorError,
        Unreachable,
        UnsafePermissions,
    )
    from .hints import Action, Hint
    from .lifecycle import Phase, Policy, Reason
    from .session.shared.endpoint import Endpoint
    from .settings import PairingSettings, Settings, load_settings
    from .status import Status, StepRecord
    from .supervisor import Outcome, Supervisor

__all__ = [
    "Action",
    "ConfigError",
    "Damaged",
    "Endpoint",
    "Hint",
    "JournalError",
    "LockHeld",
    "Outcome",
    "PairingSettings",
    "Phase",
    "Policy",
    "Reason",
    "SessionError",
    "Settings",
    "Status",
    "StepRecord",
    "StoreError",
    "Supervisor",
    "SupervisorError",
    "Unreachable",
    "UnsafePermissions",
    "load_settings",
]

__getattr__ = exports(
    __name__,
    dict.fromkeys(__all__, "errors")
    | {
        "Action": "hints",
        "Endpoint": "session.shared.endpoint",
        "Hint": "hints",
        "Outcome": "supervisor",
        "PairingSettings": "settings",
        "Phase": "lifecycle",
        "Policy": "lifecycle",
        "Reason": "lifecycle",
        "Settings": "settings",
        "Status": "status",
        "StepRecord": "status",
        "Supervisor": "supervisor",
        "load_settings": "settings",
    },
)
