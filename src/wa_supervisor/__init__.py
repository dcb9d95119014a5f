"""Keeps one WhatsApp Web session alive and tells the truth about it.

The public names are loaded on first use: the session process imports this package too, and what
it does not use must not cost it memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import exports

if TYPE_CHECKING:
    from .errors import (
        BotUnusable,
        ConfigError,
        ControlError,
        Damaged,
        FrameError,
        Hopeless,
        JournalError,
        LockHeld,
        Misused,
        NeonizeUnusable,
        NoRoom,
        NotRunning,
        PatchError,
        SessionError,
        StoreError,
        SupervisorError,
        TooFewDescriptors,
        Unreachable,
        UnsafePermissions,
        WaitTimeout,
    )
    from .hints import Action, Hint
    from .lifecycle import Logout, Policy, Reason, State, Step, effects, facts
    from .lifecycle.policy import Backoff, Conflict, Limit
    from .lifecycle.reasons import Explanation, Who
    from .pairing.sink import AsyncSink, Sink
    from .session.shared.endpoint import Endpoint
    from .settings import (
        JournalSettings,
        Loaded,
        PairingSettings,
        QuarantineSettings,
        Settings,
        SnapshotSettings,
        load_settings,
    )
    from .status import Status, StepRecord
    from .supervisor import Outcome, Supervisor

__all__ = [
    "Action",
    "AsyncSink",
    "Backoff",
    "BotUnusable",
    "ConfigError",
    "Conflict",
    "ControlError",
    "Damaged",
    "Endpoint",
    "Explanation",
    "FrameError",
    "Hint",
    "Hopeless",
    "JournalError",
    "JournalSettings",
    "Limit",
    "Loaded",
    "LockHeld",
    "Logout",
    "Misused",
    "NeonizeUnusable",
    "NoRoom",
    "NotRunning",
    "Outcome",
    "PairingSettings",
    "PatchError",
    "Policy",
    "QuarantineSettings",
    "Reason",
    "SessionError",
    "Settings",
    "Sink",
    "SnapshotSettings",
    "State",
    "Status",
    "Step",
    "StepRecord",
    "StoreError",
    "Supervisor",
    "SupervisorError",
    "TooFewDescriptors",
    "Unreachable",
    "UnsafePermissions",
    "WaitTimeout",
    "Who",
    "effects",
    "facts",
    "load_settings",
]

__getattr__ = exports(
    __name__,
    dict.fromkeys(__all__, "errors")
    | {
        "Action": "hints",
        "AsyncSink": "pairing.sink",
        "Backoff": "lifecycle.policy",
        "Conflict": "lifecycle.policy",
        "Endpoint": "session.shared.endpoint",
        "Explanation": "lifecycle.reasons",
        "Hint": "hints",
        "JournalSettings": "settings",
        "Limit": "lifecycle.policy",
        "Loaded": "settings",
        "Logout": "lifecycle",
        "Outcome": "supervisor",
        "PairingSettings": "settings",
        "Policy": "lifecycle",
        "QuarantineSettings": "settings",
        "Reason": "lifecycle",
        "Settings": "settings",
        "Sink": "pairing.sink",
        "SnapshotSettings": "settings",
        "State": "lifecycle",
        "Status": "status",
        "Step": "lifecycle",
        "StepRecord": "status",
        "Supervisor": "supervisor",
        "Who": "lifecycle.reasons",
        "effects": "lifecycle",
        "facts": "lifecycle",
        "load_settings": "settings",
    },
)
