"""Who and where: WhatsApp's addresses, typed so that a phone number never equals a LID.

WhatsApp writes an address as a JID, `user[.agent][:device]@server`, and knows one person by two of
them: the phone number and the LID, a number that hides it. Both users are digits, so the server is
the only thing that tells them apart.

Rules of this file:
1. An address never loses its kind: `Phone("49151...")` and `Lid("49151...")` are different.
2. An agent and a device are cut off: whoever writes from a linked device is the same person.
3. Reading is total: what is not understood becomes `Other`, which nothing can allow.
4. Nothing here prints an address by accident: `reveal()` is the only way to its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, final


@dataclass(frozen=True, repr=False)
class Address:
    """An address without agent and device; only its kinds below are ever made."""

    user: str
    """What stands before the server, in the clear."""

    server: ClassVar[str]

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()}>"

    def reveal(self) -> str:
        """Return the JID in the clear, as neonize and WhatsApp take it."""
        return f"{self.user}@{self.server}"


@final
@dataclass(frozen=True, repr=False)
class Phone(Address):
    """A person by phone number: the digits of E.164 without the `+`."""

    server = "s.whatsapp.net"


@final
@dataclass(frozen=True, repr=False)
class Lid(Address):
    """A person by LID, the number that WhatsApp shows instead of the phone number."""

    server = "lid"


@final
@dataclass(frozen=True, repr=False)
class Group(Address):
    """A group or a community."""

    server = "g.us"


@final
@dataclass(frozen=True, repr=False)
class Newsletter(Address):
    """A channel that anybody may follow; nobody in it is named as a sender."""

    server = "newsletter"


@final
@dataclass(frozen=True, repr=False)
class Broadcast(Address):
    """Somebody's broadcast list that we are on."""

    server = "broadcast"


@final
@dataclass(frozen=True, repr=False)
class Status(Address):
    """The status updates of all contacts, `status@broadcast`."""

    user: str = "status"

    server = "broadcast"


@final
@dataclass(frozen=True, repr=False)
class Other(Address):
    """Nobody the gate could allow: a bot, WhatsApp's own announcements, or what we cannot read."""

    at: str = ""
    """The server, as it was written."""

    def reveal(self) -> str:
        """Return the address in the clear, as far as it was understood."""
        return f"{self.user}@{self.at}"


Person = Phone | Lid

_DIGITS: Final = re.compile("[1-9][0-9]*")
_GROUP: Final = re.compile("[1-9][0-9]*(-[0-9]+)?")  # the older ones: creator's number, time
_BOT: Final = re.compile("1313555[0-9]{4}|131655500[0-9]{2}")
"""Phone numbers that are Meta's bots (whatsmeow, types/jid.go `botUserRegex`)."""
_JID: Final = re.compile(r"([^@.:]*)(?:\.[0-9]{1,3})?(?::[0-9]{1,5})?@([a-z.]+)")
"""User, agent, device, server (whatsmeow, types/jid.go `ParseJID`)."""

_SERVERS: Final[Mapping[str, tuple[re.Pattern[str], type[Address]]]] = {
    "s.whatsapp.net": (_DIGITS, Phone),
    "c.us": (_DIGITS, Phone),  # the name of s.whatsapp.net before there were many devices
    "hosted": (_DIGITS, Phone),  # a business whose device is hosted by Meta
    "lid": (_DIGITS, Lid),
    "hosted.lid": (_DIGITS, Lid),
    "g.us": (_GROUP, Group),
    "newsletter": (_DIGITS, Newsletter),
    "broadcast": (_DIGITS, Broadcast),
}


def address(user: str, server: str) -> Address:
    """Return the typed address of a user without agent and device at a server."""
    if (user, server) == (Status().user, Status.server):
        return Status()
    pattern, kind = _SERVERS.get(server, (_DIGITS, Other))
    if kind is Other or pattern.fullmatch(user) is None:
        return Other(user, server)
    if kind is Phone and _BOT.fullmatch(user) is not None:
        return Other(user, server)
    return kind(user)


def parse(jid: str) -> Address:
    """Return the typed address of a JID in text, as mentions and quotations carry it."""
    match = _JID.fullmatch(jid)
    return Other(jid) if match is None else address(match[1], match[2])


class WireJid(Protocol):
    """A JID as neonize hands it out (`Neonize_pb2.JID`); an absent one is there, and empty."""

    User: str
    Server: str
    IsEmpty: bool


def from_wire(jid: WireJid) -> Address | None:
    """Return the typed address of a JID of neonize, or None if it is an empty one."""
    return None if jid.IsEmpty else address(jid.User, jid.Server)


@dataclass(frozen=True)
class Identity:
    """One person, known by LID, by phone number, or by both.

    Raises ValueError if neither is given: nobody is None, never an empty identity.
    """

    lid: Lid | None = None
    phone: Phone | None = None

    def __post_init__(self) -> None:
        if self.lid is None and self.phone is None:
            raise ValueError("an identity needs a LID or a phone number; nobody is None")

    @classmethod
    def of(cls, *addresses: Address | None) -> Identity | None:
        """Return the person of these addresses, or None if none of them is a person's.

        They must all be told of one sender, as Sender and SenderAlt of a message are. Of two of
        one kind the first counts, so Sender goes before SenderAlt.
        """
        lid = next((each for each in addresses if isinstance(each, Lid)), None)
        phone = next((each for each in addresses if isinstance(each, Phone)), None)
        return None if lid is None and phone is None else cls(lid, phone)

    def includes(self, other: Address | None) -> bool:
        """Tell whether an address is this person's; never true across kinds."""
        return other is not None and other in (self.lid, self.phone)

    def resolve(self, phones: Mapping[Lid, Phone]) -> Identity:
        """Return the identity with the phone number that the client has stored for its LID.

        What the message itself said of the sender stays: a stored number only fills a gap.
        """
        if self.phone is not None or self.lid is None:
            return self
        return Identity(self.lid, phones.get(self.lid))
