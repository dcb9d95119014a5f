"""One message, encrypted for each client that it goes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .addressing import Addressing
from .device import Device
from .mailbox import Renew
from .messages import write
from .nodes import Jid, Node
from .signal import Keyring, Sealed, SenderKey, broken_message


class Damage(StrEnum):
    """What is wrong with a message; a client raises UndecryptableMessage for each of them."""

    ONCE = "once"
    """The first copy opens with no key. The client asks again and is sent a good one."""
    ALWAYS = "always"
    """Every copy opens with no key, however often the client asks."""
    UNANSWERED = "unanswered"
    """The only copy opens with no key, and the sender does not hear the client ask."""
    UNAVAILABLE = "unavailable"
    """There is no copy for companions: only the phone may see it, as with "view once"."""


@dataclass(frozen=True)
class Manner:
    """How a message is sent."""

    addressing: Addressing = Addressing.LID
    """How its sender is named."""
    device: int = 0
    """Which of the sender's own devices sends it."""
    damage: Damage | None = None


USUAL = Manner()


@dataclass(frozen=True)
class Draft:
    """What a message says, and how its stanza is labelled."""

    encoded: bytes = field(repr=False)
    type: str = "text"
    edit: str | None = None
    media_type: str | None = None
    hides_failure: bool = False
    """Whether a client is to show nothing when it cannot decrypt it."""

    def enc(self, sealed: Sealed, count: int = 0) -> Node:
        """Return the `<enc>` of a copy; the count is of how often the client asked for it."""
        attrs = {"v": "2", "type": str(sealed.kind)}
        if count:
            attrs["count"] = str(count)
        if self.media_type is not None:
            attrs["mediatype"] = self.media_type
        if self.hides_failure:
            attrs["decrypt-fail"] = "hide"
        return Node("enc", attrs, sealed.data)


class GroupKeys:
    """The sender keys of one device, and which clients were told them."""

    def __init__(self) -> None:
        self._keys: dict[Jid, SenderKey] = {}
        self._told: set[tuple[Jid, Device]] = set()

    def key(self, chat: Jid) -> SenderKey:
        """Return the key for a chat."""
        return self._keys.setdefault(chat, SenderKey())

    def was_told(self, chat: Jid, client: Device) -> bool:
        """Tell whether a client was told the key before, and take note that it is told now."""
        told = (chat, client) in self._told
        self._told.add((chat, client))
        return told


@dataclass(frozen=True)
class Direct:
    """Copies of a message that each client opens with a session of its own."""

    keyring: Keyring = field(repr=False)
    draft: Draft

    def content(self, client: Device) -> tuple[Node, ...]:
        """Return a client's copy. Raises `LoopbackError` if it has uploaded no prekeys."""
        return (self.draft.enc(_sealed(self.keyring, client, self.draft.encoded)),)

    def again(self, client: Device, count: int) -> tuple[Node, ...]:
        """Return a client's copy in a new session."""
        self.keyring.begin(client, client.take_bundle())
        return (self.draft.enc(self.keyring.encrypt(client, self.draft.encoded), count),)


class Shared:
    """Copies of a message that is encrypted once for a whole chat."""

    def __init__(self, keyring: Keyring, keys: GroupKeys, chat: Jid, draft: Draft) -> None:
        self._keyring, self._keys, self._chat, self._draft = keyring, keys, chat, draft
        self._distribution = keys.key(chat).distribution()
        self._sealed = keys.key(chat).encrypt(draft.encoded)

    def content(self, client: Device) -> tuple[Node, ...]:
        """Return a client's copy, with the sender key if the client was not told it.

        Raises `LoopbackError` if the client has uploaded no prekeys.
        """
        common = self._draft.enc(self._sealed)
        if self._keys.was_told(self._chat, client):
            return (common,)
        told = write.sender_key(self._chat, self._distribution)
        return Draft(told).enc(_sealed(self._keyring, client, told)), common

    def again(self, client: Device, count: int) -> tuple[Node, ...]:
        """Return the message in a new session, together with the sender key."""
        self._keyring.begin(client, client.take_bundle())
        told = write.sender_key(self._chat, self._distribution)
        sealed = self._keyring.encrypt(client, told + self._draft.encoded)
        return (self._draft.enc(sealed, count),)


def _sealed(keyring: Keyring, client: Device, encoded: bytes) -> Sealed:
    if not keyring.knows(client):
        keyring.begin(client, client.take_bundle())
    return keyring.encrypt(client, encoded)


def stanza(
    attrs: dict[str, str | Jid], copies: Direct | Shared, client: Device, damage: Damage | None
) -> tuple[Node, Renew | None]:
    """Return a client's `<message>`, and what makes it anew when the client asks for it again."""

    def renew(count: int) -> Node | None:
        again = damage is not Damage.ALWAYS
        return Node("message", attrs, copies.again(client, count) if again else _broken())

    if damage is None:
        return Node("message", attrs, copies.content(client)), renew
    if damage is Damage.UNAVAILABLE:
        unavailable = Node("unavailable", {"type": "view_once"})
        return Node("message", attrs, (unavailable,)), None
    return Node("message", attrs, _broken()), None if damage is Damage.UNANSWERED else renew


def _broken() -> tuple[Node, ...]:
    return (Draft(b"").enc(broken_message()),)
