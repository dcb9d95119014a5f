"""Keeps one WhatsApp Web session alive and tells the truth about it.

The public names are loaded on first use: the session process imports this package too, and what
it does not use must not cost it memory.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        JournalError,
        LockHeld,
        LoopbackError,
        SessionError,
        StoreError,
        SupervisorError,
        UnsafePermissions,
    )
    from .lifecycle import Phase, Policy, Reason
    from .records import Status, StepRecord
    from .session.endpoint import Endpoint
    from .settings import PairingSettings, Settings, load_settings
    from .supervisor import Outcome, Supervisor

__all__ = [
    "ConfigError",
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
    "UnsafePermissions",
    "load_settings",
]

_HOMES = {
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
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
