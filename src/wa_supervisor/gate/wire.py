"""What neonize tells of who wrote where, as far as the gate reads it.

These are the shapes of `Neonize_pb2`, whose names they keep: the gate does not import neonize.
"""

from __future__ import annotations

from typing import Protocol

from .identity import Address, address


class WireJid(Protocol):
    """`Neonize_pb2.JID`; an absent one is an object all the same, with IsEmpty."""

    @property
    def User(self) -> str: ...
    @property
    def Server(self) -> str: ...
    @property
    def IsEmpty(self) -> bool: ...


class WireSource(Protocol):
    """`Neonize_pb2.MessageSource`. Its IsGroup is not read: it is true for broadcasts, too."""

    @property
    def Chat(self) -> WireJid: ...
    @property
    def Sender(self) -> WireJid: ...
    @property
    def SenderAlt(self) -> WireJid: ...
    @property
    def RecipientAlt(self) -> WireJid: ...
    @property
    def IsFromMe(self) -> bool: ...


def from_wire(jid: WireJid) -> Address | None:
    """Return the typed address of a JID of neonize, or None if it is an absent one."""
    return None if jid.IsEmpty else address(jid.User, jid.Server)
