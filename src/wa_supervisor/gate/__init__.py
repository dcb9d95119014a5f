"""Who may speak to the program. Pure: no I/O, no clock, no randomness, no log."""

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
    WireJid,
    address,
    from_wire,
    parse,
)

__all__ = [
    "Address",
    "Broadcast",
    "Group",
    "Identity",
    "Lid",
    "Newsletter",
    "Other",
    "Person",
    "Phone",
    "Status",
    "WireJid",
    "address",
    "from_wire",
    "parse",
]
