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
        LoopbackError,
        SessionError,
        StoreError,
        SupervisorError,
        Unreachable,
        UnsafePermissions,
    )
    from .lifecycle import Phase, Policy, Reason
    from .records import Status, StepRecord
    from .session.endpoint import Endpoint
    from .settings import PairingSettings, Settings, load_settings
    from .supervisor import Outcome, Supervisor

__all__ = [
    "ConfigError",
    "Damaged",
    "Endpoint",
    "JournalError",
    "LockHeld",
    "LoopbackError",
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
        "Endpoint": "session.endpoint",
        "Outcome": "supervisor",
        "PairingSettings": "settings",
        "Phase": "lifecycle",
        "Policy": "lifecycle",
        "Reason": "lifecycle",
        "Settings": "settings",
        "Status": "records",
        "StepRecord": "records",
        "Supervisor": "supervisor",
        "load_settings": "settings",
    },
)
