"""What neonize hands the gate, without neonize: the shapes of Neonize_pb2, and its JIDs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Jid:
    User: str = ""
    Server: str = ""
    Device: int = 0
    RawAgent: int = 0
    IsEmpty: bool = False


def absent() -> Jid:
    """A JID that is not there is an object all the same."""
    return Jid(IsEmpty=True)


@dataclass
class Source:
    Chat: Jid
    Sender: Jid
    SenderAlt: Jid = field(default_factory=absent)
    RecipientAlt: Jid = field(default_factory=absent)
    IsFromMe: bool = False
    IsGroup: bool = False


def pn(user: str, device: int = 0, agent: int = 0) -> Jid:
    return Jid(user, "s.whatsapp.net", device, agent)


def lid(user: str, device: int = 0, agent: int = 0) -> Jid:
    return Jid(user, "lid", device, agent)
