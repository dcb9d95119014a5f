"""What a supervisor has done and what it must remember: durable, and free of secrets."""

from __future__ import annotations

from .amend import amend
from .entries import Entry
from .journal import Journal
from .memory import Memory, careful, recall, remember
from .reader import Past, read
from .recorder import Recorder
from .records import DialReserve, Records
from .reserve import Reserve

__all__ = [
    "DialReserve",
    "Entry",
    "Journal",
    "Memory",
    "Past",
    "Recorder",
    "Records",
    "Reserve",
    "amend",
    "careful",
    "read",
    "recall",
    "remember",
]
