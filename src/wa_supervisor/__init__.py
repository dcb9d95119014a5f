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
    )
    from .hints import Action, Hint
    from .lifecycle import Phase, Policy, Reason, State, Step
    from .lifecycle.policy import Backoff, Conflict, Limit
    from .lifecycle.reasons import Explanation, Who
    from .pairing.sink import Sink
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
    "JournalError",
    "JournalSettings",
    "Limit",
    "Loaded",
    "LockHeld",
    "Misused",
    "NeonizeUnusable",
    "NoRoom",
    "NotRunning",
    "Outcome",
    "PairingSettings",
    "PatchError",
    "Phase",
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
    "Who",
    "load_settings",
]

__getattr__ = exports(
    __name__,
    dict.fromkeys(__all__, "errors")
    | {
        "Action": "hints",
        "Backoff": "lifecycle.policy",
        "Conflict": "lifecycle.policy",
        "Endpoint": "session.shared.endpoint",
        "Explanation": "lifecycle.reasons",
        "Hint": "hints",
        "JournalSettings": "settings",
        "Limit": "lifecycle.policy",
        "Loaded": "settings",
        "Outcome": "supervisor",
        "PairingSettings": "settings",
        "Phase": "lifecycle",
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
        "load_settings": "settings",
    },
)
