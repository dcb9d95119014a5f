"""What a supervisor has done and what it must remember: durable, and free of secrets.

Each part is imported when it is first asked for: `history` reads, and writes nothing.
"""

from __future__ import annotations

from ..lazy import exports

TYPE_CHECKING = False  # as type checkers read it
if TYPE_CHECKING:
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
    "careful",
    "read",
    "recall",
    "remember",
]

__getattr__ = exports(
    __name__,
    {
        "DialReserve": "records",
        "Entry": "entries",
        "Journal": "journal",
        "Memory": "memory",
        "Past": "reader",
        "Recorder": "recorder",
        "Records": "records",
        "Reserve": "reserve",
        "careful": "memory",
        "read": "reader",
        "recall": "memory",
        "remember": "memory",
    },
)
