"""Who may speak to the program. Pure: no I/O, no clock, no randomness, no log."""

from .decide import Verdict, decide
from .envelope import Chat, Envelope, mentions
from .explain import Allow, Explanation, Rejections, Remedy, Switch, explain
from .identity import (
    Address,
    Broadcast,
    Group,
    Identity,
    Lid,
    Newsletter,
    Other,
    Person,
    Phone,
    Status,
    address,
    parse,
)
from .policy import Entry, GatePolicy, Wildcard, entry_text, parse_entry
from .reasons import GateReason
from .wire import WireJid, WireSource, from_wire

__all__ = [
    "Address",
    "Allow",
    "Broadcast",
    "Chat",
    "Entry",
    "Envelope",
    "Explanation",
    "GatePolicy",
    "GateReason",
    "Group",
    "Identity",
    "Lid",
    "Newsletter",
    "Other",
    "Person",
    "Phone",
    "Rejections",
    "Remedy",
    "Status",
    "Switch",
    "Verdict",
    "Wildcard",
    "WireJid",
    "WireSource",
    "address",
    "decide",
    "entry_text",
    "explain",
    "from_wire",
    "mentions",
    "parse",
    "parse_entry",
]
