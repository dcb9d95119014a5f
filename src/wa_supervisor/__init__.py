"""Keeps one WhatsApp Web session alive and tells the truth about it.

The public names are loaded on first use: the session process imports this package too, and what
it does not use must not cost it memory.
"""

from __future__ import annotations

import sys

from .lazy import exports

if sys.platform == "win32":
    raise ImportError(
        "wa-supervisor needs a POSIX system: on Windows, use its Linux subsystem (WSL)"
    )

TYPE_CHECKING = False  # as type checkers read it; `typing` itself would cost each health check 4 ms
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
    from .gate import GatePolicy, Group, Identity, Lid, Phone
    from .hints import Action, Hint
    from .lifecycle import Logout, Policy, Reason, State, Step, effects, facts
    from .lifecycle.policy import Backoff, Conflict, Limit
    from .lifecycle.reasons import Explanation, Who
    from .messages.delivery import Delivery
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
    from .messages.message import Kind, Location, Media, Message, Quoted
    from .messages.outbox import Sent
    from .pairing.sink import AsyncSink, Sink
    from .session.shared.endpoint import Endpoint
    from .setting_groups import (
        InboxSettings,
        JournalSettings,
        PairingSettings,
        QuarantineSettings,
        SnapshotSettings,
        StopSettings,
    )
    from .settings import Loaded, Settings, load_settings
    from .status import Status, StepRecord
    from .supervisor import Outcome, Supervisor
    from .sync import SyncDelivery, SyncSupervisor

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
    "Delivery",
    "Endpoint",
    "Explanation",
    "FrameError",
    "GatePolicy",
    "Group",
    "Hint",
    "Hopeless",
    "Identity",
    "InboxError",
    "InboxFull",
    "InboxSettings",
    "JournalError",
    "JournalSettings",
    "KeyReused",
    "KeysGone",
    "Kind",
    "Lid",
    "Limit",
    "Loaded",
    "Location",
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
    "StopSettings",
    "StoreError",
    "Supervisor",
    "SupervisorError",
    "SyncDelivery",
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
        "Delivery": "messages.delivery",
        "Endpoint": "session.shared.endpoint",
        "Explanation": "lifecycle.reasons",
        "GatePolicy": "gate",
        "Group": "gate",
        "Hint": "hints",
        "Identity": "gate",
        "InboxError": "messages.errors",
        "InboxFull": "messages.errors",
        "InboxSettings": "setting_groups",
        "JournalSettings": "setting_groups",
        "KeyReused": "messages.errors",
        "Kind": "messages.message",
        "Lid": "gate",
        "Limit": "lifecycle.policy",
        "Loaded": "settings",
        "Location": "messages.message",
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
        "StopSettings": "setting_groups",
        "Supervisor": "supervisor",
        "SyncDelivery": "sync",
        "SyncSupervisor": "sync",
        "Who": "lifecycle.reasons",
        "effects": "lifecycle",
        "facts": "lifecycle",
        "load_settings": "settings",
    },
)
