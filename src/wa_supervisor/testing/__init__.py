"""Tools to test how your own program reacts to a session's life, without WhatsApp or waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
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

# A process that needs one of them must not load a whole supervisor.
__getattr__ = exports(
    __name__,
    {
        "Broken": "environment",
        "Edge": "invariants",
        "Entry": "clock",
        "Environment": "environment",
        "FakeSent": "fake_session",
        "FakeSession": "fake_session",
        "INVARIANTS": "invariants",
        "Invariant": "invariants",
        "Keys": "environment",
        "MemoryStore": "memory_store",
        "PlayedLink": "played_link",
        "VirtualClock": "virtual_clock",
        "VirtualSession": "clock",
        "as_test": "story",
        "check": "invariants",
        "line": "story",
        "tell": "story",
    },
)
