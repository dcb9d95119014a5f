"""Tools to test how your own program reacts to a session's life, without WhatsApp or waiting."""

from __future__ import annotations

from .clock import Entry, VirtualSession
from .environment import Broken, Environment, Keys
from .fake_session import FakeSent, FakeSession
from .invariants import INVARIANTS, Edge, Invariant, check
from .memory_store import MemoryStore
from .played_link import PlayedLink
from .story import as_test, line, tell
from .virtual_clock import VirtualClock

__all__ = [
    "INVARIANTS",
    "Broken",
    "Edge",
    "Entry",
    "Environment",
    "FakeSent",
    "FakeSession",
    "Invariant",
    "Keys",
    "MemoryStore",
    "PlayedLink",
    "VirtualClock",
    "VirtualSession",
    "as_test",
    "check",
    "line",
    "tell",
]
