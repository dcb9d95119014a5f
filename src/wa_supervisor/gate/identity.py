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
from typing import ClassVar, Final, final


@dataclass(frozen=True, repr=False)
class _Address:
    """An address without agent and device. The base of the kinds below; never made itself."""

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
class Phone(_Address):
    """A person by phone number: the digits of E.164 without the `+`."""

    server = "s.whatsapp.net"


@final
@dataclass(frozen=True, repr=False)
class Lid(_Address):
    """A person by LID, the number that WhatsApp shows instead of the phone number."""

    server = "lid"


@final
@dataclass(frozen=True, repr=False)
class Group(_Address):
    """A group or a community."""

    server = "g.us"


@final
@dataclass(frozen=True, repr=False)
class Newsletter(_Address):
    """A channel that anybody may follow; nobody in it is named as a sender."""

    server = "newsletter"


@final
@dataclass(frozen=True, repr=False)
class Broadcast(_Address):
    """Somebody's broadcast list that we are on."""

    server = "broadcast"


@final
@dataclass(frozen=True, repr=False)
class Status(_Address):
    """The status updates of all contacts, `status@broadcast`."""

    user: str = "status"

    server = "broadcast"


@final
@dataclass(frozen=True, repr=False)
class Other(_Address):
    """Nobody the gate could allow: a bot, WhatsApp's own announcements, or what we cannot read."""

    at: str = ""
    """The server; empty if none could be told apart."""

    def reveal(self) -> str:
        """Return the address in the clear, as it was written but for agent and device."""
        return f"{self.user}@{self.at}" if self.at else self.user


Person = Phone | Lid
Address = Phone | Lid | Group | Newsletter | Broadcast | Status | Other

_Kind = type[Phone] | type[Lid] | type[Group] | type[Newsletter] | type[Broadcast]

_E164: Final = re.compile("[1-9][0-9]{6,14}")
_DIGITS: Final = re.compile("[1-9][0-9]*")
_GROUP: Final = re.compile("[1-9][0-9]*(-[0-9]+)?")  # the older ones: creator's number, time
_BOT: Final = re.compile("1313555[0-9]{4}|131655500[0-9]{2}")
"""Phone numbers that are Meta's bots (whatsmeow, types/jid.go `botUserRegex`)."""
_JID: Final = re.compile(r"([^@.:]*)(?:\.[0-9]{1,3})?(?::[0-9]{1,5})?@([a-z.]+)")
"""User, agent, device, server (whatsmeow, types/jid.go `ParseJID`)."""

_SERVERS: Final[Mapping[str, tuple[re.Pattern[str], _Kind]]] = {
    "s.whatsapp.net": (_E164, Phone),
    "c.us": (_E164, Phone),  # the name of s.whatsapp.net before there were many devices
    "hosted": (_E164, Phone),  # a business whose device is hosted by Meta
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
    if server not in _SERVERS:
        return Other(user, server)
    pattern, kind = _SERVERS[server]
    readable = pattern.fullmatch(user) is not None
    bot = kind is Phone and _BOT.fullmatch(user) is not None
    return kind(user) if readable and not bot else Other(user, server)


def parse(jid: str) -> Address:
    """Return the typed address of a JID in text, as mentions and quotations carry it."""
    match = _JID.fullmatch(jid)
    return Other(jid) if match is None else address(match[1], match[2])


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
        """Return the person with these addresses; None if there is none, or one is no person's.

        They must all be told of one sender, as Sender and SenderAlt of a message are. Of two of
        one kind the first counts, so Sender goes before SenderAlt. A bot stays a bot, whatever
        else it is called.
        """
        if not all(isinstance(each, Person | None) for each in addresses):
            return None
        lid = next((each for each in addresses if isinstance(each, Lid)), None)
        phone = next((each for each in addresses if isinstance(each, Phone)), None)
        return None if lid is None and phone is None else cls(lid, phone)

    @property
    def addresses(self) -> tuple[Person, ...]:
        """The addresses that are known, the phone number first; never empty."""
        return tuple(each for each in (self.phone, self.lid) if each is not None)

    def includes(self, other: Address | None) -> bool:
        """Tell whether an address is this person's; never true across kinds."""
        return other in self.addresses

    def resolve(self, phones: Mapping[Lid, Phone]) -> Identity:
        """Return the identity with the phone number that the client has stored for its LID.

        What the message itself said of the sender stays: a stored number only fills a gap.
        """
        if self.phone is not None or self.lid is None:
            return self
        return Identity(self.lid, phones.get(self.lid))
