"""A WhatsApp-shaped server on 127.0.0.1, for the demo, the tests and the benchmarks.

It is shaped by what whatsmeow accepts, not by captures of WhatsApp: it proves how neonize reacts,
not what WhatsApp would say. It sends nothing off the machine and refuses to be reached from
another.
"""

from __future__ import annotations

from .answers import DEVICE_REMOVED, Failure, Refs, Silence, StreamError, Success
from .connection import Connection
from .device import Device
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
from .observations import Kind, Observation
from .phone import PairFault, Phone
from .server import Endpoint, LoopbackServer
from .world import Impostor, Step

__all__ = [
    "DEVICE_REMOVED",
    "Connection",
    "Device",
    "Endpoint",
    "ExpiredRef",
    "Failure",
    "Impostor",
    "Kind",
    "LoopbackError",
    "LoopbackServer",
    "LoopbackTimeout",
    "Malformed",
    "NotLoopback",
    "Observation",
    "PairFault",
    "PairingRefused",
    "PeerGone",
    "Phone",
    "Refs",
    "Silence",
    "Step",
    "StreamError",
    "Success",
    "UnknownNumber",
    "UnknownRef",
    "WrongCode",
]
