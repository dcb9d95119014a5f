"""A person who writes to clients."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .chat import Chat
from .copies import USUAL, Direct, Draft, GroupKeys, Manner, Shared, stanza
from .device import Account, Device
from .keys import KeyPair
from .mailbox import Delivery
from .messages import Media, MessageKey, Quote, write
from .nodes import Jid, Node, Value
from .person import Heard, Person
from .waiting import Waiters

_SENDER_REVOKE, _MESSAGE_EDIT = "7", "1"  # whatsmeow, `types/message.go`: EditAttribute


@dataclass(frozen=True)
class Said:
    """A message that somebody of the server's own has written."""

    id: str
    author: Writer
    to: Account | Chat
    encoded: bytes = field(repr=False)
    """What it says: a waE2E.Message."""
    deliveries: dict[Device, Delivery] = field(repr=False)
    """How it fares on its way to each client."""


Message: TypeAlias = Said | Heard
_Route: TypeAlias = tuple[Device, dict[str, Value], Direct | Shared]


class Writer(Person):
    """A person whose devices are the server's own: a contact, or the phone of an account."""

    def __init__(
        self,
        number: str,
        lid: Jid,
        name: str,
        changes: Waiters,
        *,
        identity: KeyPair | None = None,
    ) -> None:
        super().__init__(number, lid, name, changes, identity=identity)
        self._group_keys: dict[int, GroupKeys] = {}

    def say(
        self,
        to: Account | Chat,
        words: str,
        *,
        reply_to: Message | None = None,
        mentions: Sequence[Account] = (),
        manner: Manner = USUAL,
    ) -> Said:
        """Write text to an account or a chat; it waits on the server for clients that are away.

        Raises `LoopbackError` if a client has not logged in once: it has no keys to write to.
        """
        quote = None if reply_to is None else _quote(reply_to)
        encoded = write.text(words, quote=quote, mentions=[each.lid for each in mentions])
        return self.send(to, Draft(encoded), manner)

    def send_media(
        self,
        to: Account | Chat,
        file: Media,
        *,
        reply_to: Message | None = None,
        manner: Manner = USUAL,
    ) -> Said:
        """Send a file that was put on the server with `server.media.add`. Raises as `say` does."""
        quote = None if reply_to is None else _quote(reply_to)
        draft = Draft(write.media(file, quote=quote), "media", media_type=str(file.kind))
        return self.send(to, draft, manner)

    def reply(self, message: Message, words: str, *, manner: Manner = USUAL) -> Said:
        """Answer a message where it was written, quoting it. Raises as `say` does."""
        return self.say(_where(message), words, reply_to=message, manner=manner)

    def react(self, message: Message, emoji: str, *, manner: Manner = USUAL) -> Said:
        """React to a message; an empty emoji takes the reaction back. Raises as `say` does."""
        encoded = write.reaction(self._key(message), emoji)
        edit = None if emoji else _SENDER_REVOKE
        draft = Draft(encoded, "reaction", edit, hides_failure=True)
        return self.send(_where(message), draft, manner)

    def edit(self, said: Said, words: str, *, manner: Manner = USUAL) -> Said:
        """Put other words into a message of this person's. Raises as `say` does."""
        encoded = write.edit(self._key(said), write.text(words))
        return self.send(said.to, Draft(encoded, edit=_MESSAGE_EDIT, hides_failure=True), manner)

    def delete(self, said: Said, *, manner: Manner = USUAL) -> Said:
        """Delete a message of this person's for everyone. Raises as `say` does."""
        encoded = write.revoke(self._key(said))
        return self.send(said.to, Draft(encoded, edit=_SENDER_REVOKE, hides_failure=True), manner)

    def send(self, to: Account | Chat, draft: Draft, manner: Manner = USUAL) -> Said:
        """Send any message. Raises as `say` does."""
        said = Said(secrets.token_hex(10).upper(), self, to, draft.encoded, {})
        labels = {"id": said.id, "type": draft.type, "notify": self.name}
        if draft.edit is not None:
            labels["edit"] = draft.edit
        for client, attrs, copies in self._routes(to, draft, manner):
            node, renew = stanza({**labels, **attrs}, copies, client, manner.damage)
            said.deliveries[client] = client.mailbox.post(node, renew)
        return said

    def receipt(self, heard: Heard, kind: str | None = None) -> None:
        """Tell the account that wrote a message what became of it.

        None is "delivered", `read` and `played` are WhatsApp's other usual kinds. neonize 0.5.2
        ends its session over kinds which it does not know (docs/neonize.md).
        """
        attrs: dict[str, Value] = {"id": heard.id, **self._from(heard.chat)}
        if kind is not None:
            attrs["type"] = kind
        for client in heard.sender.phone.devices:
            client.mailbox.post(Node("receipt", attrs))

    def chat_state(self, to: Account | Chat, state: str = "composing") -> None:
        """Tell clients that are there what this person does: `composing`, `paused`, ...

        neonize 0.5.2 ends its session over other states than these two (docs/neonize.md).
        """
        attrs = self._from(to if isinstance(to, Chat) else None)
        for client in to.devices:
            client.mailbox.send(Node("chatstate", attrs, (Node(state),)))

    def _from(self, chat: Chat | None) -> dict[str, Value]:
        return {"from": self.lid} if chat is None else {"from": chat.jid, "participant": self.lid}

    def _routes(self, to: Account | Chat, draft: Draft, manner: Manner) -> list[_Route]:
        """Return each client that gets a copy, and how the copies name sender and chat."""
        keyring, form = self.keyring(manner.device), manner.addressing
        if isinstance(to, Chat):
            attrs = form.in_chat(to.jid, self, manner.device)
            keys = self._group_keys.setdefault(manner.device, GroupKeys())
            shared = to.shares_keys
            copies = Shared(keyring, keys, to.jid, draft) if shared else Direct(keyring, draft)
            return [(client, attrs, copies) for client in to.devices]
        routes: list[_Route] = []
        if to is not self:
            attrs = form.direct(self, manner.device)
            routes = [(client, attrs, Direct(keyring, draft)) for client in to.devices]
        if self.devices:
            told = replace(draft, encoded=write.device_sent(to.lid, draft.encoded))
            attrs = form.to_own(self, to, manner.device)
            routes += [(client, attrs, Direct(keyring, told)) for client in self.devices]
        return routes

    def _key(self, message: Message) -> MessageKey:
        """Name a message, as this person sees it."""
        where = _where(message)
        if isinstance(message, Said) and message.author is self:
            return MessageKey(_address(where), message.id, from_me=True)
        author = _author(message) if isinstance(where, Chat) else None
        return MessageKey(_address(where), message.id, from_me=False, author=author)


def _where(message: Message) -> Account | Chat:
    """Return the chat that a message was written in, or the account it was written to or by."""
    if isinstance(message, Said):
        return message.to
    return message.chat or message.sender.phone


def _address(where: Account | Chat) -> Jid:
    return where.jid if isinstance(where, Chat) else where.lid


def _author(message: Message) -> Jid:
    return message.author.lid if isinstance(message, Said) else message.sender.phone.lid


def _quote(message: Message) -> Quote:
    encoded = message.encoded if isinstance(message, Said) else message.content.encoded
    return Quote(message.id, _author(message), encoded)
