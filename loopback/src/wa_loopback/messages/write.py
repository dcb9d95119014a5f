"""Messages, written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from .. import wire
from ..nodes import Jid
from .parts import (
    CONTEXT,
    CONVERSATION,
    DEVICE_SENT,
    EDIT_TYPE,
    EDITED,
    EXTENDED,
    MEDIA_FIELDS,
    PROTOCOL,
    REACTION,
    REVOKE_TYPE,
    SENDER_KEY,
    Media,
    MessageKey,
    Quote,
)


def text(words: str, *, quote: Quote | None = None, mentions: Sequence[Jid] = ()) -> bytes:
    """Write text: plain, or with a context if it answers or mentions."""
    if quote is None and not mentions:
        return wire.message([(CONVERSATION, words.encode())])
    extended = wire.message([(1, words.encode()), (CONTEXT, _context(quote, mentions))])
    return wire.message([(EXTENDED, extended)])


def media(file: Media, *, quote: Quote | None = None) -> bytes:
    """Refer to a file."""
    places = MEDIA_FIELDS[file.kind]
    fields: list[tuple[int, int | bytes]] = [
        (places.mimetype, file.mimetype.encode()),
        (places.sha256, file.sha256),
        (places.size, file.size),
        (places.key, file.key),
        (places.enc_sha256, file.enc_sha256),
        (places.path, file.path.encode()),
    ]
    if file.caption is not None and places.caption is not None:
        fields.append((places.caption, file.caption.encode()))
    if file.name is not None and places.name is not None:
        fields.append((places.name, file.name.encode()))
    if quote is not None:
        fields.append((CONTEXT, _context(quote, ())))
    return wire.message([(places.message, wire.message(fields))])


def reaction(key: MessageKey, emoji: str) -> bytes:
    """React to a message; an empty emoji takes the reaction back."""
    fields: list[tuple[int, int | bytes]] = [
        (1, key.encode()),
        (2, emoji.encode()),
        (4, _milliseconds()),
    ]
    return wire.message([(REACTION, wire.message(fields))])


def edit(key: MessageKey, content: bytes) -> bytes:
    """Put other content into a message, as whatsmeow's BuildEdit does."""
    fields: list[tuple[int, int | bytes]] = [
        (1, key.encode()),
        (2, EDIT_TYPE),
        (14, content),
        (15, _milliseconds()),
    ]
    protocol = wire.message([(PROTOCOL, wire.message(fields))])
    return wire.message([(EDITED, wire.message([(1, protocol)]))])


def revoke(key: MessageKey) -> bytes:
    """Delete a message for everyone."""
    fields: list[tuple[int, int | bytes]] = [(1, key.encode()), (2, REVOKE_TYPE)]
    return wire.message([(PROTOCOL, wire.message(fields))])


def sender_key(group: Jid, distribution: bytes) -> bytes:
    """Tell a sender key; put before other content it is one message with it."""
    told = wire.message([(1, str(group).encode()), (2, distribution)])
    return wire.message([(SENDER_KEY, told)])


def device_sent(to: Jid, content: bytes) -> bytes:
    """Tell another device of one's own what was sent to somebody."""
    copy = wire.message([(1, str(to).encode()), (2, content)])
    return wire.message([(DEVICE_SENT, copy)])


def _context(quote: Quote | None, mentions: Iterable[Jid]) -> bytes:
    fields: list[tuple[int, int | bytes]] = []
    if quote is not None:
        author = str(quote.author).encode()
        fields = [(1, quote.id.encode()), (2, author), (3, quote.encoded)]
    return wire.message([*fields, *((15, str(jid).encode()) for jid in mentions)])


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
