"""A message as `wa-supervisor listen --json` prints it and the API serves it: docs/messages.md.

`version` changes when a field changes its meaning or goes; new fields do not change it. Every field
is there in every message, null where there is nothing to say.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from ..gate import Identity
from ..messages.message import Kind

if TYPE_CHECKING:
    from ..gate import Chat
    from ..messages.delivery import Delivery
    from ..messages.message import Location, Media, Quoted

VERSION: Final = 1

_LINE_BREAKS: Final = {number: f"\\u{number:04x}" for number in (0x85, 0x2028, 0x2029)}
"""Node's `readline` and Python's `splitlines` end a line here, and a stranger can write them."""

_Moment = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def message_json(delivery: Delivery) -> str:
    """Return a message as one line of JSON, with everything it says in the clear."""
    return dumps(MessageRecord.of(delivery).model_dump(mode="json"))


def dumps(message: dict[str, Any]) -> str:
    """Return it as one line, also for those who see more line breaks than JSON does."""
    return json.dumps(message, ensure_ascii=False).translate(_LINE_BREAKS)


class _InTheClear(BaseModel):
    """Says everything when it is dumped, and nothing when it is printed."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class PersonRecord(_InTheClear):
    """Somebody, as far as that is known."""

    lid: str | None
    phone: str | None
    """`+` and digits."""

    @classmethod
    def of(cls, person: Identity) -> Self:
        """Make the record of somebody."""
        return cls(
            lid=person.lid and person.lid.reveal(), phone=person.phone and f"+{person.phone.user}"
        )


class QuotedRecord(_InTheClear):
    """The message that another answers, as its sender tells it: nothing proves it is so."""

    id: str
    sender: PersonRecord | None
    kind: Kind
    text: str

    @classmethod
    def of(cls, quoted: Quoted) -> Self:
        """Make the record of what is quoted."""
        sender = quoted.sender and PersonRecord.of(quoted.sender)
        return cls(id=quoted.id, sender=sender, kind=quoted.kind, text=quoted.text)


class MediaRecord(_InTheClear):
    """The file of a message, as the sender says."""

    mime: str
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal digits."""
    name: str | None
    seconds: int | None
    width: int | None
    height: int | None

    @classmethod
    def of(cls, media: Media) -> Self:
        """Make the record of a file."""
        return cls(
            mime=media.mime,
            size=media.size,
            sha256=media.sha256.hex(),
            name=media.name,
            seconds=media.seconds,
            width=media.width,
            height=media.height,
        )


class LocationRecord(_InTheClear):
    """A place on Earth, in degrees."""

    latitude: float
    longitude: float

    @classmethod
    def of(cls, location: Location) -> Self:
        """Make the record of a place."""
        return cls(latitude=location.latitude, longitude=location.longitude)


class MessageRecord(_InTheClear):
    """A received message. Its repr shows nothing of it."""

    version: Literal[1]
    number: int
    """Its place in the inbox, which is acknowledged; unique, and never told by a sender."""
    id: str
    """WhatsApp's id, given by the sender's client: unique only together with chat and sender."""
    redelivered: bool
    """It was handed out before and not acknowledged: it may have been dealt with."""
    chat: str
    """Where it was written, and where an answer is sent."""
    sender: PersonRecord | None
    """Null in newsletters."""
    at: _Moment
    """When WhatsApp had it, UTC."""
    received_at: _Moment
    """When this computer had it, UTC."""
    kind: Kind
    text: str
    """Text, caption or emoji; empty if nothing is written."""
    is_group: bool
    from_me: bool
    late: bool
    """It waited at WhatsApp."""
    mentions: tuple[PersonRecord, ...]
    mentions_me: bool
    replies_to_me: bool
    quoted: QuotedRecord | None
    edit_of: str | None
    revoke_of: str | None
    reaction_to: str | None
    media: MediaRecord | None
    location: LocationRecord | None
    forwarded: bool
    view_once: bool
    push_name: str
    """The name the sender has chosen: never an identity."""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Make the record of a message."""
        return cls(
            version=VERSION,
            number=delivery.number,
            id=delivery.id,
            redelivered=delivery.redelivered,
            chat=address(delivery.chat),
            sender=delivery.sender and PersonRecord.of(delivery.sender),
            at=delivery.at,
            received_at=delivery.received_at,
            kind=delivery.kind,
            text=delivery.text,
            is_group=delivery.is_group,
            from_me=delivery.from_me,
            late=delivery.late,
            mentions=tuple(map(PersonRecord.of, delivery.mentions)),
            mentions_me=delivery.mentions_me,
            replies_to_me=delivery.replies_to_me,
            quoted=delivery.quoted and QuotedRecord.of(delivery.quoted),
            edit_of=delivery.edit_of,
            revoke_of=delivery.revoke_of,
            reaction_to=delivery.reaction_to,
            media=delivery.media and MediaRecord.of(delivery.media),
            location=delivery.location and LocationRecord.of(delivery.location),
            forwarded=delivery.forwarded,
            view_once=delivery.view_once,
            push_name=delivery.push_name,
        )


def address(chat: Chat) -> str:
    """Return where to send an answer to; whatsmeow writes to a person's LID, if there is one."""
    if isinstance(chat, Identity):
        return (chat.lid or chat.addresses[0]).reveal()
    return chat.reveal()
