"""Makes a `Message` of an event of the log, without neonize.

Every byte of an event but its header may have been chosen by a stranger. So nothing here trusts
a length, a type or a number; what cannot be read is a MalformedEvent and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ..gate import Address, Chat, Identity, Other, Person, identity
from . import schema
from .errors import MalformedEvent
from .glance import Glance
from .message import Kind, Location, Media, Message, Quoted
from .protobuf import Fields, Reader
from .record import LATE, Record

_READER: Final = Reader(schema.SCHEMA)
_MAX_WRAPPERS: Final = 8  # one in another; WhatsApp's own clients use two
_CLOCKS: Final = timedelta(seconds=30)
"""WhatsApp's clock and ours may differ by so much before a message counts as old."""
_KEY_BYTES: Final = 16
_POLE: Final = 90.0
_DATE_LINE: Final = 180.0  # degrees

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a field of a content means, and where its text is: the first place that has any."""

    kind: Kind
    texts: tuple[Path, ...] = ()
    media: bool = False


_LOOKS: Final[Mapping[str, _Look]] = {
    "reactionMessage": _Look(Kind.REACTION, (("text",),)),
    "conversation": _Look(Kind.TEXT),
    "extendedTextMessage": _Look(Kind.TEXT, (("text",),)),
    "imageMessage": _Look(Kind.IMAGE, (("caption",),), media=True),
    "videoMessage": _Look(Kind.VIDEO, (("caption",),), media=True),
    "ptvMessage": _Look(Kind.VIDEO_NOTE, (("caption",),), media=True),
    "audioMessage": _Look(Kind.AUDIO, media=True),
    "documentMessage": _Look(Kind.DOCUMENT, (("caption",),), media=True),
    "stickerMessage": _Look(Kind.STICKER, media=True),
    "locationMessage": _Look(Kind.LOCATION, (("comment",), ("name",), ("address",))),
    "liveLocationMessage": _Look(Kind.LOCATION, (("caption",),)),
    "contactMessage": _Look(Kind.CONTACT, (("displayName",),)),
    "contactsArrayMessage": _Look(Kind.CONTACT, (("displayName",),)),
    "buttonsResponseMessage": _Look(Kind.CHOICE, (("selectedDisplayText",),)),
    "templateButtonReplyMessage": _Look(Kind.CHOICE, (("selectedDisplayText",),)),
    "listResponseMessage": _Look(Kind.CHOICE, (("title",),)),
    "interactiveResponseMessage": _Look(Kind.CHOICE, (("body", "text"),)),
    "buttonsMessage": _Look(Kind.MENU, (("contentText",), ("text",))),
    "listMessage": _Look(Kind.MENU, (("description",), ("title",))),
    "templateMessage": _Look(
        Kind.MENU,
        (("hydratedTemplate", "hydratedContentText"), ("hydratedTemplate", "hydratedTitleText")),
    ),
    "interactiveMessage": _Look(Kind.MENU, (("body", "text"),)),
    "pollCreationMessage": _Look(Kind.POLL, (("name",),)),
    "pollCreationMessageV2": _Look(Kind.POLL, (("name",),)),
    "pollCreationMessageV3": _Look(Kind.POLL, (("name",),)),
    "pollCreationMessageV5": _Look(Kind.POLL, (("name",),)),
    "pollCreationMessageV6": _Look(Kind.POLL, (("name",),)),
    "pollUpdateMessage": _Look(Kind.POLL_VOTE),
    "eventMessage": _Look(Kind.EVENT, (("name",), ("description",))),
    "groupInviteMessage": _Look(Kind.GROUP_INVITE, (("caption",), ("groupName",))),
    "encReactionMessage": _Look(Kind.ENCRYPTED),
    "encCommentMessage": _Look(Kind.ENCRYPTED),
    "secretEncryptedMessage": _Look(Kind.ENCRYPTED),
}
"""Of two that are there at once the first counts."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What a message holds, out of all its wrappers."""

    kind: Kind
    text: str = ""
    body: Fields | None = None
    about: str | None = None
    """The id of the message it is about, of a reaction, an edit or a revoke."""
    media: bool = False


def glance(record: Record) -> Glance:
    """Look at an event as far as its place in the inbox needs it. Raises MalformedEvent."""
    event = _event(record)
    if event is None:
        return Glance(None)
    info = event.message("Info")
    source = info and info.message("MessageSource")
    sent = info.integer("Timestamp") if info and source and _is_of_the_phone(source) else 0
    # WhatsApp's clock may be ahead of ours.
    return Glance(_key(record, event, info, source), min(sent, record.header.arrived // 1_000_000))


def _is_of_the_phone(source: Fields) -> bool:
    """Whether our own account sent this, and on its phone: a linked device has another number."""
    sender = source.message("Sender")
    return source.boolean("IsFromMe") and sender is not None and not sender.integer("Device")


def _key(record: Record, event: Fields, info: Fields | None, source: Fields | None) -> bytes | None:
    """Return what is the same for two events of one message; None for events to step over.

    That is chat, sender's user, id, and whether there is content: a group message that brings a
    sender key is two events with one id, and the first of them has no content. Those have nothing
    for a reader, and neither have events other than messages. A newsletter's edit has the id of
    what it edits, so which edit it is counts too. Raises MalformedEvent.
    """
    if record.header.event == schema.UNDECRYPTABLE_EVENT:
        content = b"?"
    elif _read_content(event) is not None:
        content = b"!"
    else:
        return None
    info, source = _complete(info, source)
    meta = event.message("NewsLetterMeta") if event.has("NewsLetterMeta") else None
    edit = f"{info.text('Edit')} {meta.integer('EditTS') if meta else 0}"
    parts = [content, info.data("ID"), edit.encode()]
    for name in ("Chat", "Sender"):
        jid = source.message(name)
        if jid is not None:
            parts += [jid.data("User"), jid.data("Server")]
    digest = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def parse(record: Record, own: Identity | None = None) -> Message | None:
    """Return the message of an event; None for events that have no key, see `glance`.

    `own` is who we are, by LID and number; without it nobody can be said to mention us. Raises
    MalformedEvent.
    """
    event = _event(record)
    if event is None:
        return None
    if record.header.event == schema.UNDECRYPTABLE_EVENT:
        content: _Content | None = _Content(Kind.UNAVAILABLE)
    else:
        content = _read_content(event)
    if content is None:
        return None
    found = event.message("Info")
    info, source = _complete(found, found and found.message("MessageSource"))
    if info.text("Edit") == schema.ADMIN_EDIT and content.kind is not Kind.EDIT:
        content = replace(content, kind=Kind.EDIT, about=info.text("ID"))
    received_at = _utc(record.header.arrived / 1e9) or datetime.now(UTC)
    at = _utc(info.integer("Timestamp") / 1e3) or received_at
    from_me = source.boolean("IsFromMe")
    context = _context(content.body)
    mentions = _mentions(context)
    quoted = _quoted(context)
    return Message(
        id=info.text("ID"),
        chat=_chat(source, from_me=from_me),
        sender=Identity.of(_address(source, "Sender"), _address(source, "SenderAlt")),
        at=at,
        received_at=received_at,
        kind=content.kind,
        text=content.text,
        quoted=quoted,
        mentions=mentions,
        mentions_me=any(_same(own, mentioned) for mentioned in mentions),
        replies_to_me=_answers(own, content, quoted, from_me=from_me),
        media=_media(content),
        location=_location(content),
        edit_of=content.about if content.kind is Kind.EDIT else None,
        revoke_of=content.about if content.kind is Kind.REVOKE else None,
        reaction_to=content.about if content.kind is Kind.REACTION else None,
        from_me=from_me,
        late=event.integer("RetryCount") > 0 or _is_late(record, at),
        forwarded=context is not None and context.boolean("isForwarded"),
        view_once=_is_view_once(event, content),
        push_name=info.text("Pushname"),
        raw=record.data,
    )


def _event(record: Record) -> Fields | None:
    name = _EVENTS.get(record.header.event)
    return None if name is None else _READER.read(name, record.data)


_EVENTS: Final = {
    schema.MESSAGE_EVENT: schema.EVENT,
    schema.UNDECRYPTABLE_EVENT: schema.UNDECRYPTABLE,
}


def _complete(info: Fields | None, source: Fields | None) -> tuple[Fields, Fields]:
    if info is None or source is None or not info.data("ID"):
        raise MalformedEvent("a message has no id, or does not say where it comes from")
    return info, source


def _read_content(event: Fields) -> _Content | None:
    message = event.message("Message")
    return None if message is None else _content(message)


def _content(message: Fields, *, is_edited: bool = False) -> _Content | None:
    """Find the content in its wrappers; None if there is none for a person.

    What an edit holds cannot be an edit, or a stranger could nest them without an end.
    """
    for _ in range(_MAX_WRAPPERS):
        inner = _inner(message)
        if inner is None:
            break
        message = inner
    for name, look in _LOOKS.items():
        if message.has(name):
            return _seen(message, name, look)
    if message.has("protocolMessage"):
        return None if is_edited else _of_protocol(message)
    if message.numbers <= schema.KEYS_ONLY:
        return None
    return _Content(Kind.OTHER)


def _inner(message: Fields) -> Fields | None:
    for name in ("deviceSentMessage", *schema.WRAPPERS):
        if message.has(name):
            wrapper = message.message(name)
            return wrapper and wrapper.message("message")
    return None


def _seen(message: Fields, name: str, look: _Look) -> _Content:
    if name == "conversation":
        return _Content(look.kind, message.text(name))
    body = message.message(name)
    assert body is not None
    text = next(filter(None, (_text(body, path) for path in look.texts)), "")
    kind = look.kind
    if kind is Kind.AUDIO and body.boolean("PTT"):
        kind = Kind.VOICE
    about = _id(body.message("key")) if kind is Kind.REACTION else None
    return _Content(kind, text, body, about, look.media)


def _of_protocol(message: Fields) -> _Content | None:
    """Read an edit or a revoke; the rest is between clients, and nothing for a person."""
    protocol = message.message("protocolMessage")
    assert protocol is not None
    about = _id(protocol.message("key"))
    number = protocol.integer("type")
    if number == schema.REVOKE and about:
        return _Content(Kind.REVOKE, about=about)
    if number != schema.MESSAGE_EDIT:
        return None
    edited = protocol.message("editedMessage")
    new = (edited and _content(edited, is_edited=True)) or _Content(Kind.OTHER)
    return _Content(Kind.EDIT, new.text, new.body, about, new.media)


def _text(body: Fields, path: Path) -> str:
    *way, last = path
    at: Fields | None = body
    for name in way:
        at = at and at.message(name)
    return at.text(last) if at is not None else ""


def _id(key: Fields | None) -> str | None:
    return (key.text("ID") or None) if key is not None else None


def _context(body: Fields | None) -> Fields | None:
    return body.message("contextInfo") if body is not None and body.has("contextInfo") else None


def _mentions(context: Fields | None) -> tuple[Identity, ...]:
    jids = context.texts("mentionedJID") if context is not None else ()
    found = (Identity.of(identity.parse(jid)) for jid in jids)
    return tuple(each for each in found if each is not None)


def _quoted(context: Fields | None) -> Quoted | None:
    if context is None or not context.data("stanzaID"):
        return None
    message = context.message("quotedMessage")
    content = (message and _content(message)) or _Content(Kind.OTHER)
    participant = context.text("participant")
    sender = Identity.of(identity.parse(participant)) if participant else None
    return Quoted(context.text("stanzaID"), sender, content.kind, content.text)


def _media(content: _Content) -> Media | None:
    body = content.body
    if body is None or not content.media:
        return None
    return Media(
        mime=body.text("mimetype"),
        size=max(0, body.integer("fileLength")),
        sha256=body.data("fileSHA256"),
        name=body.text("fileName") or body.text("title") or None,
        seconds=body.integer("seconds") if body.has("seconds") else None,
        width=body.integer("width") if body.has("width") else None,
        height=body.integer("height") if body.has("height") else None,
    )


def _location(content: _Content) -> Location | None:
    body = content.body
    if body is None or content.kind is not Kind.LOCATION:
        return None
    latitude, longitude = body.double("degreesLatitude"), body.double("degreesLongitude")
    # A stranger may write what is no number, and JSON has no word for that.
    is_place = abs(latitude) <= _POLE and abs(longitude) <= _DATE_LINE
    return Location(latitude, longitude) if is_place else None


def _is_view_once(event: Fields, content: _Content) -> bool:
    marks = ("IsViewOnce", "IsViewOnceV2", "IsViewOnceV2Extension")
    return any(map(event.boolean, marks)) or (
        content.media and content.body is not None and content.body.boolean("viewOnce")
    )


def _address(source: Fields, name: str) -> Address | None:
    jid = source.message(name)
    if jid is None or jid.boolean("IsEmpty"):
        return None
    return identity.address(jid.text("User"), jid.text("Server"))


def _chat(source: Fields, *, from_me: bool) -> Chat:
    """Return where a message was written, as `gate.Envelope.of` says it."""
    chat = _address(source, "Chat")
    if chat is None:
        raise MalformedEvent("a message names no chat")
    if not isinstance(chat, Person):
        return chat
    other = _address(source, "RecipientAlt" if from_me else "SenderAlt")
    return Identity.of(chat, other) or Other("")


def _same(own: Identity | None, other: Identity | None) -> bool:
    if own is None or other is None:
        return False
    return own.includes(other.lid) or own.includes(other.phone)


def _answers(
    own: Identity | None, content: _Content, quoted: Quoted | None, *, from_me: bool
) -> bool:
    """Say whether a message quotes, or reacts to, one of ours."""
    if quoted is not None:
        return _same(own, quoted.sender)
    key = content.body.message("key") if content.kind is Kind.REACTION and content.body else None
    if key is None:
        return False
    author = key.text("participant")
    if author:
        return own is not None and own.includes(identity.parse(author))
    # In a direct chat the key says whether the one who reacts wrote it.
    return key.boolean("fromMe") == from_me


def _is_late(record: Record, at: datetime) -> bool:
    if record.header.flags & LATE:
        return True
    connected = _utc(record.header.connected / 1e9) if record.header.connected else None
    return connected is not None and at < connected - _CLOCKS


def _utc(seconds: float) -> datetime | None:
    """Return a time, None for a number that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
