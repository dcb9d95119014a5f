"""The protobuf wire format, as much of it as the handshake, the pairing and messages need.

Varints and length-delimited fields (https://protobuf.dev/programming-guides/encoding/). The fixed
widths are skipped when read.
"""

from __future__ import annotations

from collections.abc import Iterable

from .errors import Malformed

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT = 10  # bytes of a 64-bit number, seven bits in each
_MORE = 0x80  # the bit of a byte that has another one after it


def message(fields: Iterable[tuple[int, int | bytes]]) -> bytes:
    """Encode field numbers and values, in the order given."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            out += _varint(number << 3 | _BYTES) + _varint(len(value)) + value
    return bytes(out)


class Fields:
    """The fields of one encoded message; of a repeated field the last one counts, but see `every`.

    Raises `Malformed` for bytes which are not a message, and for a required field which is absent.
    """

    def __init__(self, data: bytes) -> None:
        self._values: dict[int, int | bytes] = {}
        self._repeated: dict[int, list[bytes]] = {}
        position = 0
        while position < len(data):
            key, position = _read_varint(data, position)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                self._values[number], position = _read_varint(data, position)
                continue
            if kind == _BYTES:
                size, position = _read_varint(data, position)
            elif kind in _FIXED_WIDTHS:
                size = _FIXED_WIDTHS[kind]
            else:
                raise Malformed(f"field {number} has the unknown wire type {kind}")
            if position + size > len(data):
                raise Malformed(f"field {number} is longer than its message")
            if kind == _BYTES:
                value = self._values[number] = data[position : position + size]
                self._repeated.setdefault(number, []).append(value)
            position += size

    def __contains__(self, number: int) -> bool:
        return number in self._values

    def raw(self, number: int) -> bytes:
        """Return a length-delimited field."""
        value = self._values.get(number)
        if not isinstance(value, bytes):
            raise Malformed(f"field {number} is missing")
        return value

    def every(self, number: int) -> list[bytes]:
        """Return each occurrence of a length-delimited field, in order."""
        return self._repeated.get(number, [])

    def text(self, number: int) -> str | None:
        """Return a string field; None when it is not there."""
        if number not in self._values:
            return None
        try:
            return self.raw(number).decode()
        except UnicodeDecodeError:
            raise Malformed(f"field {number} is not UTF-8") from None

    def integer(self, number: int, default: int = 0) -> int:
        """Return a varint field; proto2 does not send what was not set."""
        value = self._values.get(number, default)
        if not isinstance(value, int):
            raise Malformed(f"field {number} is not a number")
        return value

    def sub(self, number: int) -> Fields:
        """Return an embedded message."""
        return Fields(self.raw(number))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _MORE:
        out.append(value % _MORE | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[position : position + _MAX_VARINT]):
        value |= byte % _MORE << 7 * shift
        if byte < _MORE:
            return value, position + shift + 1
    raise Malformed("a number does not end")
