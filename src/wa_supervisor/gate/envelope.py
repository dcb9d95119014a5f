"""What the gate must know of a message: where it was written, by whom, and whether to us.

What kind of message it is, how old, and how it came to us is not here. So edits, reactions,
replays and messages that were decrypted late are judged like any other, and none can slip by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .identity import (
    Broadcast,
    Group,
    Identity,
    Lid,
    Newsletter,
    Other,
    Person,
    Phone,
    Status,
    parse,
)
from .wire import WireSource, from_wire

Chat = Identity | Group | Newsletter | Broadcast | Status | Other
"""Where a message was written; the chat of a direct message is the other person."""


@dataclass(frozen=True)
class Envelope:
    """What the gate judges."""

    chat: Chat
    sender: Identity | None
    """Who wrote it; None if that is no person, as in newsletters."""
    from_me: bool = False
    """Whether the account's owner wrote it, on the phone or another device."""
    mentions_me: bool = False
    """Whether it mentions the account (`mentions`)."""
    replies_to_me: bool = False
    """Whether it quotes, or reacts to, a message that the account wrote."""
    about_admitted: bool = False
    """Whether it edits, revokes or reacts to a message of the same chat that was admitted."""

    @property
    def is_to_me(self) -> bool:
        """Whether it is meant for the account, which `groups = "mention"` asks for."""
        return self.mentions_me or self.replies_to_me or self.about_admitted

    @classmethod
    def of(
        cls,
        source: WireSource,
        phones: Mapping[Lid, Phone],
        *,
        mentions_me: bool = False,
        replies_to_me: bool = False,
        about_admitted: bool = False,
    ) -> Envelope:
        """Return the envelope of a message of neonize.

        `phones` is what the client has stored of the sender, or of the other side of an own
        message (`get_pn_from_lid`); it may be empty. The chat never counts as the sender.
        """
        sender = Identity.of(from_wire(source.Sender), from_wire(source.SenderAlt))
        return cls(
            chat=_chat(source, phones),
            sender=sender and sender.resolve(phones),
            from_me=source.IsFromMe,
            mentions_me=mentions_me,
            replies_to_me=replies_to_me,
            about_admitted=about_admitted,
        )


def _chat(source: WireSource, phones: Mapping[Lid, Phone]) -> Chat:
    chat = from_wire(source.Chat) or Other("")
    if not isinstance(chat, Person):
        return chat
    alt = source.RecipientAlt if source.IsFromMe else source.SenderAlt
    person = Identity.of(chat, from_wire(alt))
    return Other("") if person is None else person.resolve(phones)


def mentions(me: Identity, jids: Iterable[str]) -> bool:
    """Tell whether one of these JIDs (`mentionedJID`, or the author of a quotation) is ours."""
    return any(me.includes(parse(jid)) for jid in jids)
