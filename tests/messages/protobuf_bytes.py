"""Writes protocol buffers by the product's schema, which tests/contract_neonize proves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wa_supervisor.messages import schema
from wa_supervisor.testing.events import write

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
