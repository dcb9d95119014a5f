"""What a supervisor has done and what it must remember: durable, and free of secrets."""

from __future__ import annotations

from .amend import amend
from .entries import Entry
from .journal import Journal
from .memory import Memory, careful, recall, remember
from .reader import Past, read
from .recorder import Keeper

__all__ = [
    "Entry",
    "Journal",
    "Keeper",
    "Memory",
    "Past",
    "amend",
    "careful",
    "read",
    "recall",
    "remember",
]
