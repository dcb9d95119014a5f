"""Tools to test how your own program reacts to a session's life, without WhatsApp or waiting."""

from __future__ import annotations

from .clock import Entry, VirtualSession
from .invariants import INVARIANTS, Edge, Invariant, check
from .story import as_test, line, tell
from .world import Broken, Keys, World

__all__ = [
    "INVARIANTS",
    "Broken",
    "Edge",
    "Entry",
    "Invariant",
    "Keys",
    "VirtualSession",
    "World",
    "as_test",
    "check",
    "line",
    "tell",
]
