"""Messages, read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from .. import wire
from ..errors import Malformed
from .parts import (
    CONTEXT,
    CONVERSATION,
    DEVICE_SENT,
    EDIT_TYPE,
    EXTENDED,
    MEDIA_FIELDS,
    PROTOCOL,
    REACTION,
    REVOKE_TYPE,
    SENDER_KEY,
    WRAPPERS,
    Media,
    MediaFields,
    MediaKind,
)


class ContentKind(StrEnum):
    """What a message does."""

    TEXT = "text"
    MEDIA = "media"
    REACTION = "reaction"
    EDIT = "edit"
    REVOKE = "revoke"
    NOTHING = "nothing"
    """It says nothing to people: it only tells a sender key."""
    OTHER = "other"


@dataclass(frozen=True)
class Content:
    """What a message says, as far as it is understood here."""

    kind: ContentKind
    encoded: bytes = field(repr=False)
    """The waE2E.Message, without what was wrapped around it."""
    text: str | None = field(default=None, repr=False)
    """Its text, caption or emoji; of an edit, the new text."""
    quoted: str | None = None
    """The id of the message which it answers."""
    mentions: tuple[str, ...] = field(default=(), repr=False)
    """The addresses of those whom it mentions."""
    target: str | None = None
    """The id of the message which it edits, revokes or reacts to."""
    media: Media | None = None
    sender_key: tuple[str, bytes] | None = field(default=None, repr=False)
    """The address of a group, and the distribution of a sender key for it."""
    sent_to: str | None = field(default=None, repr=False)
    """The address to which another device of one's own has sent it."""

    @classmethod
    def decode(cls, encoded: bytes) -> Content:
        """Read a waE2E.Message. Raises `Malformed` if it is none."""
        fields = wire.Fields(encoded)
        if DEVICE_SENT in fields:
            copy = fields.sub(DEVICE_SENT)
            return replace(cls.decode(copy.raw(2)), sent_to=_text(copy, 1))
        for wrapper in WRAPPERS:
            if wrapper in fields:
                return cls.decode(fields.sub(wrapper).raw(1))
        read = _read(encoded, fields)
        if SENDER_KEY not in fields:
            return read
        told = fields.sub(SENDER_KEY)
        return replace(read, sender_key=(_text(told, 1), told.raw(2)))


def _read(encoded: bytes, fields: wire.Fields) -> Content:
    if PROTOCOL in fields:
        return _read_protocol(encoded, fields.sub(PROTOCOL))
    if REACTION in fields:
        given = fields.sub(REACTION)
        target = _text(given.sub(1), 3)
        return Content(ContentKind.REACTION, encoded, text=given.text(2) or "", target=target)
    if EXTENDED in fields:
        extended = fields.sub(EXTENDED)
        return _in_context(Content(ContentKind.TEXT, encoded, text=extended.text(1)), extended)
    for kind, places in MEDIA_FIELDS.items():
        if places.message in fields:
            referred = fields.sub(places.message)
            file = _read_media(kind, places, referred)
            content = Content(ContentKind.MEDIA, encoded, text=file.caption, media=file)
            return _in_context(content, referred)
    if CONVERSATION in fields:
        return Content(ContentKind.TEXT, encoded, text=fields.text(CONVERSATION))
    kind_of_rest = ContentKind.NOTHING if SENDER_KEY in fields else ContentKind.OTHER
    return Content(kind_of_rest, encoded)


def _read_protocol(encoded: bytes, protocol: wire.Fields) -> Content:
    kind = protocol.integer(2, REVOKE_TYPE)
    if kind == REVOKE_TYPE and 1 in protocol:
        return Content(ContentKind.REVOKE, encoded, target=_text(protocol.sub(1), 3))
    if kind == EDIT_TYPE:
        new = Content.decode(protocol.raw(14))
        target = _text(protocol.sub(1), 3)
        return replace(new, kind=ContentKind.EDIT, encoded=encoded, target=target)
    return Content(ContentKind.OTHER, encoded)


def _in_context(content: Content, fields: wire.Fields) -> Content:
    """Add what a content's contextInfo says of quotes and mentions."""
    if CONTEXT not in fields:
        return content
    context = fields.sub(CONTEXT)
    mentions = tuple(each.decode(errors="replace") for each in context.every(15))
    return replace(content, quoted=context.text(1), mentions=mentions)


def _read_media(kind: MediaKind, places: MediaFields, fields: wire.Fields) -> Media:
    return Media(
        kind=kind,
        mimetype=fields.text(places.mimetype) or "",
        size=fields.integer(places.size),
        path=fields.text(places.path) or "",
        key=_optional(fields, places.key),
        sha256=_optional(fields, places.sha256),
        enc_sha256=_optional(fields, places.enc_sha256),
        caption=None if places.caption is None else fields.text(places.caption),
        name=None if places.name is None else fields.text(places.name),
    )


def _optional(fields: wire.Fields, number: int) -> bytes:
    return fields.raw(number) if number in fields else b""


def _text(fields: wire.Fields, number: int) -> str:
    found = fields.text(number)
    if found is None:
        raise Malformed(f"field {number} is missing")
    return found
