"""Reads protocol buffers without neonize, whose classes would bring Go and 40 MB into a process.

Only what `schema` names is looked at; the rest is stepped over, as every protobuf reader does with
fields it does not know. https://protobuf.dev/programming-guides/encoding is the whole format.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .errors import MalformedEvent

_DOUBLE: Final = struct.Struct("<d")
_VARINT: Final = 0
_BYTES: Final = 2
_GROUP: Final = 3
_END_GROUP: Final = 4
_FIXED: Final = {1: 8, 5: 4}
"""The wire types; of the fixed ones, how many bytes."""
_MORE: Final = 0x80
"""The bit of a varint's byte that says that more follow."""
_MAX_GROUPS: Final = 100  # nested in one another, as protobuf's own readers limit them


class Type(enum.Enum):
    """What the value of a field is."""

    TEXT = "string"
    BYTES = "bytes"
    MESSAGE = "message"
    INTEGER = "integer"  # int32, int64, uint32, uint64, enum: a varint, which is never a sint here
    BOOLEAN = "bool"
    DOUBLE = "double"

    @property
    def wire(self) -> int:
        """The wire type."""
        return _WIRE[self]


_WIRE: Final = {
    Type.TEXT: _BYTES,
    Type.BYTES: _BYTES,
    Type.MESSAGE: _BYTES,
    Type.INTEGER: _VARINT,
    Type.BOOLEAN: _VARINT,
    Type.DOUBLE: 1,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    number: int
    type: Type
    message: str = ""
    """The full name of the message in it, for `Type.MESSAGE`."""
    repeated: bool = False


Schema = Mapping[str, Mapping[str, Field]]
"""The fields that are looked at, by the full name of their message and their own name."""

Value = int | bytes


class Reader:
    """Reads messages of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known = {
            message: {field.number: (name, field.type.wire) for name, field in fields.items()}
            for message, fields in schema.items()
        }

    def read(self, message: str, data: bytes) -> Fields:
        """Read a message by its full name. Raises MalformedEvent."""
        try:
            values, numbers = _scan(data, self._known[message])
        except IndexError:
            raise MalformedEvent(f"a {message} ends in the middle of a field") from None
        return Fields(self, self._schema[message], values, numbers)


class Fields:
    """The fields of one message. What is absent has protobuf's default value."""

    __slots__ = ("_fields", "_reader", "_values", "numbers")

    def __init__(
        self,
        reader: Reader,
        fields: Mapping[str, Field],
        values: dict[str, list[Value]],
        numbers: set[int],
    ) -> None:
        self._reader = reader
        self._fields = fields
        self._values = values
        self.numbers = numbers
        """The numbers of all fields that are there, known or not."""

    def has(self, name: str) -> bool:
        """Say whether a field is there."""
        return name in self._values

    def text(self, name: str) -> str:
        """Return a string; what is no UTF-8 in it is replaced, as it may be anything."""
        return self.data(name).decode(errors="replace")

    def texts(self, name: str) -> list[str]:
        """Return the strings of a repeated field."""
        return [value.decode(errors="replace") for value in self._all_bytes(name)]

    def data(self, name: str) -> bytes:
        """Return the bytes of a field; where it is there twice, the last."""
        return (self._all_bytes(name) or [b""])[-1]

    def integer(self, name: str) -> int:
        """Return an integer of up to 64 bits, with its sign."""
        value = self._last_integer(name)
        return value - (1 << 64) if value >> 63 else value

    def boolean(self, name: str) -> bool:
        """Return a boolean."""
        return self._last_integer(name) != 0

    def double(self, name: str) -> float:
        """Return a floating point number."""
        data = self.data(name)
        return float(_DOUBLE.unpack(data)[0]) if data else 0.0

    def message(self, name: str) -> Fields | None:
        """Read the message in a field; None if it is not there. Raises MalformedEvent.

        One that is there twice is merged, which is the same as reading both in a row.
        """
        values = self._all_bytes(name)
        if not values:
            return None
        return self._reader.read(self._fields[name].message, b"".join(values))

    def _all_bytes(self, name: str) -> list[bytes]:
        return [value for value in self._values.get(name, ()) if isinstance(value, bytes)]

    def _last_integer(self, name: str) -> int:
        values = self._values.get(name)
        return values[-1] if values and isinstance(values[-1], int) else 0


def _scan(
    data: bytes, known: Mapping[int, tuple[str, int]]
) -> tuple[dict[str, list[Value]], set[int]]:
    """Return the values of known fields and the numbers of all. Raises IndexError at its end."""
    values: dict[str, list[Value]] = {}
    numbers: set[int] = set()
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise MalformedEvent("a field has an impossible number")
        numbers.add(number)
        field = known.get(number)
        value: Value
        if wire == _VARINT:
            value, at = _varint(data, at)
        elif wire == _BYTES:
            length, at = _varint(data, at)
            begin, at = at, at + length
            if field is None:  # stepped over uncopied: it may be long
                if at > end:
                    raise IndexError
                continue
            value = _take(data, begin, at)
        elif wire in _FIXED:
            begin, at = at, at + _FIXED[wire]
            value = _take(data, begin, at)
        elif wire == _GROUP:
            at = _skip_group(data, at, number, 1)
            continue
        else:
            raise MalformedEvent("a field has an unknown wire type")
        if field is not None and field[1] == wire:
            values.setdefault(field[0], []).append(value)
    return values, numbers


def _take(data: bytes, begin: int, end: int) -> bytes:
    if end > len(data):
        raise IndexError
    return data[begin:end]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint of up to 64 bits; return it and where it ends."""
    value = data[at]
    at += 1
    if value < _MORE:
        return value, at
    value &= 0x7F
    for shift in range(7, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise MalformedEvent("a number is longer than 64 bits")


def _skip_group(data: bytes, at: int, number: int, depth: int) -> int:
    """Step over a group, the oldest way to write a message; return where it ends."""
    if depth > _MAX_GROUPS:
        raise MalformedEvent("groups are nested too deeply")
    while True:
        tag, at = _varint(data, at)
        inner, wire = tag >> 3, tag & 7
        if wire == _END_GROUP:
            if inner != number:
                raise MalformedEvent("a group ends that did not begin")
            return at
        if wire == _VARINT:
            _, at = _varint(data, at)
        elif wire == _BYTES:
            length, at = _varint(data, at)
            at += length
        elif wire in _FIXED:
            at += _FIXED[wire]
        elif wire == _GROUP:
            at = _skip_group(data, at, inner, depth + 1)
        else:
            raise MalformedEvent("a field has an unknown wire type")
