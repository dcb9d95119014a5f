"""Keeps one WhatsApp Web session alive and tells the truth about it.

The public names are loaded on first use: the session process imports this package too, and what
it does not use must not cost it memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .lazy import exports

if sys.platform == "win32":
    raise ImportError(
        "wa-supervisor needs a POSIX system: on Windows, use its Linux subsystem (WSL)"
    )

if TYPE_CHECKING:
    from .errors import (
        BotUnusable,
        ConfigError,
        ControlError,
        Damaged,
        FrameError,
        Hopeless,
        JournalError,
        KeysGone,
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
    from .gate import Group, Identity, Lid, Phone
    from .hints import Action, Hint
    from .lifecycle import Logout, Policy, Reason, State, Step, effects, facts
    from .lifecycle.policy import Backoff, Conflict, Limit
    from .lifecycle.reasons import Explanation, Who
    from .messages.errors import (
        ClientGone,
        InboxError,
        InboxFull,
        KeyReused,
        LogError,
        MalformedEvent,
        MessagesError,
        NotConnected,
        NotOnWhatsApp,
        NotPaired,
        OutboxError,
        RateLimited,
        ReaderBusy,
        Refused,
        Restricted,
        SendError,
        SendTimeout,
        SendUnknown,
    )
    from .messages.message import Kind, Media, Message, Quoted
    from .messages.outbox import Sent
    from .pairing.sink import AsyncSink, Sink
    from .session.shared.endpoint import Endpoint
    from .setting_groups import (
        JournalSettings,
        PairingSettings,
        QuarantineSettings,
        SnapshotSettings,
    )
    from .settings import Loaded, Settings, load_settings
    from .status import Status, StepRecord
    from .supervisor import Outcome, Supervisor
    from .sync import SyncSupervisor

__all__ = [
    "Action",
    "AsyncSink",
    "Backoff",
    "BotUnusable",
    "ClientGone",
    "ConfigError",
    "Conflict",
    "ControlError",
    "Damaged",
    "Endpoint",
    "Explanation",
    "FrameError",
    "Group",
    "Hint",
    "Hopeless",
    "Identity",
    "InboxError",
    "InboxFull",
    "JournalError",
    "JournalSettings",
    "KeyReused",
    "KeysGone",
    "Kind",
    "Lid",
    "Limit",
    "Loaded",
    "LockHeld",
    "LogError",
    "Logout",
    "MalformedEvent",
    "Media",
    "Message",
    "MessagesError",
    "Misused",
    "NeonizeUnusable",
    "NoRoom",
    "NotConnected",
    "NotOnWhatsApp",
    "NotPaired",
    "NotRunning",
    "OutboxError",
    "Outcome",
    "PairingSettings",
    "PatchError",
    "Phone",
    "Policy",
    "QuarantineSettings",
    "Quoted",
    "RateLimited",
    "ReaderBusy",
    "Reason",
    "Refused",
    "Restricted",
    "SendError",
    "SendTimeout",
    "SendUnknown",
    "Sent",
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
    "SyncSupervisor",
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
        "ClientGone": "messages.errors",
        "Conflict": "lifecycle.policy",
        "Endpoint": "session.shared.endpoint",
        "Explanation": "lifecycle.reasons",
        "Group": "gate",
        "Hint": "hints",
        "Identity": "gate",
        "InboxError": "messages.errors",
        "InboxFull": "messages.errors",
        "JournalSettings": "setting_groups",
        "KeyReused": "messages.errors",
        "Kind": "messages.message",
        "Lid": "gate",
        "Limit": "lifecycle.policy",
        "Loaded": "settings",
        "LogError": "messages.errors",
        "Logout": "lifecycle",
        "MalformedEvent": "messages.errors",
        "Media": "messages.message",
        "Message": "messages.message",
        "MessagesError": "messages.errors",
        "NotConnected": "messages.errors",
        "NotOnWhatsApp": "messages.errors",
        "NotPaired": "messages.errors",
        "OutboxError": "messages.errors",
        "Outcome": "supervisor",
        "PairingSettings": "setting_groups",
        "Phone": "gate",
        "Policy": "lifecycle",
        "QuarantineSettings": "setting_groups",
        "Quoted": "messages.message",
        "RateLimited": "messages.errors",
        "ReaderBusy": "messages.errors",
        "Reason": "lifecycle",
        "Refused": "messages.errors",
        "Restricted": "messages.errors",
        "SendError": "messages.errors",
        "SendTimeout": "messages.errors",
        "SendUnknown": "messages.errors",
        "Sent": "messages.outbox",
        "Settings": "settings",
        "Sink": "pairing.sink",
        "SnapshotSettings": "setting_groups",
        "State": "lifecycle",
        "Status": "status",
        "Step": "lifecycle",
        "StepRecord": "status",
        "Supervisor": "supervisor",
        "SyncSupervisor": "sync",
        "Who": "lifecycle.reasons",
        "effects": "lifecycle",
        "facts": "lifecycle",
        "load_settings": "settings",
    },
)
