"""Writes the events that neonize hands over, so that a test can have any message received.

    event = message_event({"imageMessage": {"mimetype": "image/png", "caption": "look"}}, at=now)
    await session.receive_event(event)

Contents are written by their names in WhatsApp's `waE2E.Message`, as far as
`wa_supervisor.messages.schema` knows them: more of them nothing here would read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..gate import Address, Group, Identity, Lid, Phone
from ..gate.policy import Wildcard, parse_entry
from ..messages import schema
from ..messages.protobuf import Field, Reader, Type

SENDER: Final = "+4915112345678"
"""Who writes if a test says nothing else."""

OWN: Final = Identity(Lid("100000000000001"), Phone("15550001111"))
"""Whose session a fake is."""

Content = Mapping[str, Any]

_READER: Final = Reader(schema.SCHEMA)
_MORE: Final = 0x80
_U64: Final = (1 << 64) - 1
_NOBODY: Final = {"User": "", "Server": "", "IsEmpty": True}


def message_event(  # noqa: PLR0913 - what is said of a message
    content: Content,
    *,
    at: datetime,
    id: str = "FAKE",  # noqa: A002 - as `Message` calls it
    sender: Identity | str = SENDER,
    group: Group | str | None = None,
    from_me: bool = False,
) -> bytes:
    """Return the bytes of a MessageEv: `content`, written by `sender`, in a group or directly.

    With `from_me` our own account wrote it, on the phone, to `sender` or in the group.
    """
    person = person_of(sender)
    writer = OWN if from_me else person
    source = {
        "Chat": _jid(_first(person) if group is None else group_of(group)),
        "Sender": _jid(_first(writer)),
        "IsFromMe": from_me,
        "SenderAlt": _NOBODY if from_me else _other(person),
        "RecipientAlt": _other(person) if from_me else _NOBODY,
    }
    info = {
        "MessageSource": source,
        "ID": id,
        "Pushname": "",
        "Timestamp": round(at.timestamp() * 1000),
    }
    return write(schema.EVENT, {"Info": info, "Message": content})


def text_content(
    text: str, *, mentions: tuple[Identity, ...] = (), reply_to: str | None = None
) -> Content:
    """Return the content of a text; with `reply_to` it quotes our message of that id."""
    context: dict[str, Any] = {"mentionedJID": [_first(each).reveal() for each in mentions]}
    if reply_to is not None:
        context |= {"stanzaID": reply_to, "participant": _first(OWN).reveal(), "quotedMessage": {}}
    return {"extendedTextMessage": {"text": text, "contextInfo": context}}


def id_of(event: bytes) -> str:
    """Return the id of the message in a MessageEv."""
    info = _READER.read(schema.EVENT, event).message("Info")
    return info.text("ID") if info else ""


def person_of(sender: Identity | str) -> Identity:
    """Return a person, written as `+49...` or as a JID. Raises ValueError or ConfigError."""
    if isinstance(sender, Identity):
        return sender
    entry = parse_entry(sender)
    found = None if isinstance(entry, Wildcard) else Identity.of(entry)
    if found is None:
        raise ValueError("a message is written by a person: +NUMBER, or NUMBER@lid")
    return found


def group_of(group: Group | str) -> Group:
    """Return a group, written as a JID. Raises ValueError or ConfigError."""
    found = parse_entry(group) if isinstance(group, str) else group
    if not isinstance(found, Group):
        raise ValueError("a group is written as NUMBER@g.us")  # noqa: TRY004 - it is the text's
    return found


def write(message: str, values: Content) -> bytes:
    """Return the bytes of a message by its full name; the inverse of `protobuf.Reader.read`.

    Raises KeyError for a field that the schema does not name.
    """
    fields = schema.SCHEMA[message]
    return b"".join(
        _write(fields[name], each)
        for name, value in values.items()
        for each in (value if isinstance(value, list) else [value])
    )


def _write(field: Field, value: Any) -> bytes:  # noqa: ANN401 - of the field's type
    tag = _varint(field.number << 3 | field.type.wire)
    match field.type:
        case Type.DOUBLE:
            return tag + struct.pack("<d", value)
        case Type.INTEGER | Type.BOOLEAN:
            return tag + _varint(int(value) & _U64)
        case Type.MESSAGE:
            data = write(field.message, value)
        case Type.TEXT:
            data = value.encode()
        case Type.BYTES:
            data = value
    return tag + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= _MORE:
        found.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    found.append(number)
    return bytes(found)


def _first(person: Identity) -> Lid | Phone:
    """Return the address by which WhatsApp names a person: the LID, where there is one."""
    return person.addresses[-1]


def _other(person: Identity) -> Content:
    return _NOBODY if len(person.addresses) == 1 else _jid(person.addresses[0])


def _jid(address: Address) -> Content:
    return {"User": address.user, "Server": address.server, "IsEmpty": False}
