"""A WhatsApp-shaped server on 127.0.0.1, for the demo, the tests and the benchmarks.

It is shaped by what whatsmeow accepts, not by captures of WhatsApp: it proves how neonize reacts,
not what WhatsApp would say. It sends nothing off the machine and refuses to be reached from
another.
"""

from __future__ import annotations

from .addressing import Addressing
from .answers import (
    DEVICE_REMOVED,
    Accept,
    Failure,
    Refs,
    RefuseMessage,
    Silence,
    StreamError,
    Success,
)
from .chat import BroadcastList, Chat, StatusUpdates
from .connection import Connection
from .contact import Contact
from .copies import Damage, Draft, Manner
from .device import Account, Device
from .errors import (
    ExpiredRef,
    LoopbackError,
    LoopbackTimeout,
    Malformed,
    NotLoopback,
    PairingRefused,
    PeerGone,
    UnknownNumber,
    UnknownRef,
    WrongCode,
)
from .group import Group
from .messages import Content, ContentKind, Media, MediaKind
from .newsletter import Newsletter, Post
from .nodes import Jid
from .observations import Kind, Observation
from .person import Heard, Person, ReceiptHeard
from .phone import PairFault, Phone
from .server import Endpoint, LoopbackServer
from .world import Impostor, Step
from .writer import Said, Writer

__all__ = [
    "DEVICE_REMOVED",
    "Accept",
    "Account",
    "Addressing",
    "BroadcastList",
    "Chat",
    "Connection",
    "Contact",
    "Content",
    "ContentKind",
    "Damage",
    "Device",
    "Draft",
    "Endpoint",
    "ExpiredRef",
    "Failure",
    "Group",
    "Heard",
    "Impostor",
    "Jid",
    "Kind",
    "LoopbackError",
    "LoopbackServer",
    "LoopbackTimeout",
    "Malformed",
    "Manner",
    "Media",
    "MediaKind",
    "Newsletter",
    "NotLoopback",
    "Observation",
    "PairFault",
    "PairingRefused",
    "PeerGone",
    "Person",
    "Phone",
    "Post",
    "ReceiptHeard",
    "Refs",
    "RefuseMessage",
    "Said",
    "Silence",
    "StatusUpdates",
    "Step",
    "StreamError",
    "Success",
    "UnknownNumber",
    "UnknownRef",
    "Writer",
    "WrongCode",
]
