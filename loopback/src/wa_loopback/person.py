"""Somebody with a number, a hidden address and the keys of their devices."""

from __future__ import annotations

from dataclasses import dataclass, field

from .chat import Chat
from .device import Device
from .errors import Malformed
from .keys import KeyPair
from .messages import Content, ContentKind
from .nodes import Jid
from .signal import Keyring, Kind, ReceivedSenderKeys, Sealed, Undecryptable
from .waiting import Waiters


@dataclass(frozen=True)
class Incoming:
    """A copy of a client's message, for one device of one person."""

    id: str
    sender: Device
    sealed: Sealed
    chat: Chat | None = None
    """The group it was sent to; None for a direct message."""
    device: int = 0
    """Which of the person's devices the copy is for."""


@dataclass(frozen=True)
class Heard:
    """A message that a client sent and a person decrypted."""

    id: str
    sender: Device
    chat: Chat | None = field(repr=False)
    """The group or newsletter it was sent to; None for a direct message."""
    kind: Kind | None
    """How it was encrypted; None in a newsletter, where nothing is."""
    content: Content

    @property
    def text(self) -> str | None:
        """Its text, caption or emoji."""
        return self.content.text


@dataclass(frozen=True)
class ReceiptHeard:
    """A receipt that a client sent about messages of a person."""

    ids: tuple[str, ...]
    sender: Device
    type: str
    """Empty for "delivered", "inactive" for that from a client in the background, "read", ..."""


class Hearer:
    """Somebody who hears what clients write, each message once."""

    def __init__(self, changes: Waiters) -> None:
        self._changes = changes
        self._heard_ids: set[str] = set()
        self._returned = 0
        self.heard: list[Heard] = []
        """What clients wrote to it, in order."""

    async def next_message(self, *, timeout: float = 10.0) -> Heard:
        """Return the oldest message heard and not yet returned. Raises `LoopbackTimeout`."""

        def heard() -> Heard | None:
            return self.heard[self._returned] if self._returned < len(self.heard) else None

        found = await self._changes.until(heard, within=timeout, what="a message of a client")
        self._returned += 1
        return found

    def note(self, heard: Heard) -> Heard | None:
        """Add a message; None if it was heard before."""
        if heard.id in self._heard_ids:
            return None
        self._heard_ids.add(heard.id)
        self.heard.append(heard)
        self._changes.wake()
        return heard


class Person(Hearer):
    """A contact, or the phone of an account.

    The devices are numbered, 0 is the phone itself. Those of a contact are all the server's own;
    the others of an account are clients.
    """

    def __init__(
        self,
        number: str,
        lid: Jid,
        name: str,
        changes: Waiters,
        *,
        identity: KeyPair | None = None,
    ) -> None:
        super().__init__(changes)
        self._keyrings = {0: Keyring(identity)}
        self._sender_keys: dict[tuple[int, str, Device], ReceivedSenderKeys] = {}
        self._opened: set[tuple[int, str, Kind]] = set()
        self.number = number
        """The number, digits only."""
        self.lid = lid
        """The address which hides the number."""
        self.name = name
        """The name which the person shows; clients know it as push name."""
        self.chat_states: list[str] = []
        """What clients have shown this person of what they do: `composing`, `paused`, in order."""
        self.receipts: list[ReceiptHeard] = []
        """The receipts of clients for what this person said, in order."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self.heard)} heard>"

    @property
    def jid(self) -> Jid:
        """The address with the number in it."""
        return Jid(self.number)

    @property
    def devices(self) -> tuple[Device, ...]:
        """The clients that are linked to this person's account."""
        return ()

    @property
    def own_devices(self) -> tuple[int, ...]:
        """The numbers of the devices whose keys are here."""
        return tuple(self._keyrings)

    def add_device(self) -> int:
        """Link another device, with keys of its own, and return its number."""
        number = max(self._keyrings) + 1
        self._keyrings[number] = Keyring()
        return number

    def keyring(self, device: int = 0) -> Keyring:
        """Return the keys of one of the person's own devices. Raises `KeyError`."""
        return self._keyrings[device]

    def forget_sender_keys(self, sender: Device) -> None:
        """Lose what a client has told of its sender keys."""
        for place in [each for each in self._sender_keys if each[2] is sender]:
            del self._sender_keys[place]

    def hear(self, incoming: Incoming) -> Heard | None:
        """Decrypt a copy of a client's message.

        Returns None when there is nothing new in it: a sender key, or what was heard before. A
        client sends the same bytes again if its connection broke before the acknowledgement.
        Raises `Undecryptable`.
        """
        copy = incoming.device, incoming.id, incoming.sealed.kind
        if copy in self._opened and incoming.id in self._heard_ids:
            return None
        try:
            content = Content.decode(self._decrypt(incoming))
        except Malformed as error:
            raise Undecryptable(f"a decrypted message is none: {error}") from None
        self._opened.add(copy)
        if content.sender_key is not None:
            group, distribution = content.sender_key
            self._sender_keys_of(incoming.device, group, incoming.sender).learn(distribution)
        if content.kind is ContentKind.NOTHING:
            return None
        kind = incoming.sealed.kind
        return self.note(Heard(incoming.id, incoming.sender, incoming.chat, kind, content))

    def _decrypt(self, incoming: Incoming) -> bytes:
        if incoming.sealed.kind is not Kind.SENDER_KEY_MESSAGE:
            return self.keyring(incoming.device).decrypt(incoming.sender, incoming.sealed)
        keys = self._sender_keys_of(incoming.device, _group(incoming), incoming.sender)
        return keys.decrypt(incoming.sealed)

    def _sender_keys_of(self, device: int, group: str, sender: Device) -> ReceivedSenderKeys:
        return self._sender_keys.setdefault((device, group, sender), ReceivedSenderKeys())


def _group(incoming: Incoming) -> str:
    return "" if incoming.chat is None else str(incoming.chat.jid)
