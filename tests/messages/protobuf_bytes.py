"""Writes protocol buffers by the product's schema, which tests/contract_neonize proves."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from wa_supervisor.messages import schema
from wa_supervisor.messages.protobuf import Field, Type

ALICE = {"User": "111", "Server": "lid", "IsEmpty": False}
ALICE_PHONE = {"User": "4915111", "Server": "s.whatsapp.net", "IsEmpty": False}
NOBODY = {"User": "", "Server": "", "IsEmpty": True}
GROUP = {"User": "12036300", "Server": "g.us", "IsEmpty": False}
AT = 1_795_541_196_000
"""Milliseconds, as neonize gives them."""


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def tagged(number: int, wire: int, value: bytes) -> bytes:
    return varint(number << 3 | wire) + value


def sized(number: int, value: bytes) -> bytes:
    return tagged(number, 2, varint(len(value)) + value)


def write(message: str, values: Mapping[str, Any]) -> bytes:
    fields = schema.SCHEMA[message]
    return b"".join(
        _write(fields[name], each)
        for name, value in values.items()
        for each in (value if isinstance(value, list) else [value])
    )


def _write(field: Field, value: Any) -> bytes:
    if field.type is Type.MESSAGE:
        return sized(field.number, write(field.message, value))
    if field.type is Type.TEXT:
        return sized(field.number, value.encode())
    if field.type is Type.BYTES:
        return sized(field.number, value)
    if field.type is Type.DOUBLE:
        return tagged(field.number, 1, struct.pack("<d", value))
    return tagged(field.number, 0, varint(int(value)))


def info(id_: str = "3EB0ID", **source: Any) -> dict[str, Any]:
    """The Info of a direct message from Alice, by LID and number."""
    return {
        "MessageSource": {
            "Chat": ALICE,
            "Sender": ALICE,
            "IsFromMe": False,
            "SenderAlt": ALICE_PHONE,
            "RecipientAlt": NOBODY,
        }
        | source,
        "ID": id_,
        "Pushname": "Alice",
        "Timestamp": AT,
    }


def message_event(
    content: Mapping[str, Any], id_: str = "3EB0ID", *, more: Any = None, **source: Any
) -> bytes:
    """The bytes of a MessageEv."""
    values = {"Info": info(id_, **source), "Message": content} | (more or {})
    return write(schema.EVENT, values)


def text_event(text: str, id_: str = "3EB0ID", **source: Any) -> bytes:
    """The bytes of a MessageEv with a text, as `send_message` sends it."""
    return message_event({"extendedTextMessage": {"text": text}}, id_, **source)


def undecryptable_event(id_: str = "3EB0ID") -> bytes:
    return write(schema.UNDECRYPTABLE, {"Info": info(id_)})
