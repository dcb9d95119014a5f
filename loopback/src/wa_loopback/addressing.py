"""How a stanza names its sender: by number, by the address that hides it, or by both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from .nodes import Jid, Value

GROUPS = "g.us"
NEWSLETTERS = "newsletter"
BROADCASTS = "broadcast"
STATUS = Jid("status", BROADCASTS)
"""The chat of everybody's status updates."""


class Named(Protocol):
    """Whoever has both kinds of address."""

    number: str
    lid: Jid


@dataclass(frozen=True)
class _Form:
    by_lid: bool
    other: bool
    mode: bool


class Addressing(Enum):
    """The forms in which WhatsApp names a sender; what neonize makes of each is in docs."""

    LID = _Form(by_lid=True, other=True, mode=True)
    """By LID, the number beside it, `addressing_mode` lid: the usual form."""
    LID_WITHOUT_MODE = _Form(by_lid=True, other=True, mode=False)
    """By LID, the number beside it."""
    LID_ALONE = _Form(by_lid=True, other=False, mode=False)
    """By LID: a sender whose number the receiver may not see, such as one with a user name."""
    NUMBER = _Form(by_lid=False, other=True, mode=True)
    """By number, the LID beside it, `addressing_mode` pn."""
    NUMBER_ALONE = _Form(by_lid=False, other=False, mode=False)
    """By number, as before there were LIDs."""

    def sender(self, who: Named, device: int = 0) -> Jid:
        """Return the address of a sender's device; the first has no number of its own."""
        user, server = (who.lid.user, who.lid.server) if self.value.by_lid else (who.number, None)
        index = device or None
        return Jid(user, device=index) if server is None else Jid(user, server, index)

    def direct(self, who: Named, device: int = 0) -> dict[str, Value]:
        """Return the attributes of a stanza in a direct chat."""
        return {"from": self.sender(who, device)} | self._beside(who, "sender")

    def in_chat(self, chat: Jid, who: Named, device: int = 0) -> dict[str, Value]:
        """Return the attributes of a stanza in a group, or another chat of several people."""
        sender = self.sender(who, device)
        return {"from": chat, "participant": sender} | self._beside(who, "participant")

    def to_own(self, who: Named, to: Named, device: int = 0) -> dict[str, Value]:
        """Return the attributes of a copy for another client of the sender's own account."""
        recipient = to.lid if self.value.by_lid else Jid(to.number)
        return {"from": self.sender(who, device), "recipient": recipient}

    def _beside(self, who: Named, prefix: str) -> dict[str, Value]:
        attrs: dict[str, Value] = {}
        if self.value.other and self.value.by_lid:
            attrs[f"{prefix}_pn"] = Jid(who.number)
        elif self.value.other:
            attrs[f"{prefix}_lid"] = who.lid
        if self.value.mode:
            attrs["addressing_mode"] = "lid" if self.value.by_lid else "pn"
        return attrs
