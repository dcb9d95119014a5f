"""One event as it stands in the log: a header with two checksums, then the bytes neonize gave.

The header's own checksum makes its length trustworthy, so a payload that the disk has spoiled
costs one record and not the rest of its file. Nothing here searches for the next header: a sender
can put the bytes of a whole record into a message's text, and a search could take it for one.
"""

from __future__ import annotations

import enum
import struct
import time
import zlib
from dataclasses import dataclass
from typing import Final

_MAGIC: Final = b"wam1"  # the last is the version of this layout
_FIELDS: Final = struct.Struct("<4sBBxxIIqqI")
_CHECKSUM: Final = struct.Struct("<I")

HEADER: Final = _FIELDS.size + _CHECKSUM.size
"""Bytes before an event."""

MAX_EVENT: Final = 64 << 20
"""Bytes of the longest event that is kept. A message with its thumbnails has some ten thousand."""


LATE: Final = 1
"""The flag of an event that waited at WhatsApp: between OfflineSyncPreview and its Completed."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of an event before its bytes are looked at."""

    event: int
    """neonize's number of the event (`neonize.events.EVENT_TO_INT`)."""
    flags: int
    generation: int
    """The session process that received it."""
    arrived: int
    """When it was appended, in nanoseconds since 1970."""
    connected: int
    """When the connection it came over was made, in the same unit; 0 if that is not known."""
    length: int
    checksum: int


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """One event of the log."""

    header: Header
    data: bytes

    def __repr__(self) -> str:
        return f"<record of event {self.header.event}, {len(self.data)} bytes>"


class Flaw(enum.Enum):
    """Why no record could be read at a place."""

    SHORT = "short"
    """There are fewer bytes than it needs: it is being written, or its writer was killed."""
    HEADER = "header"
    """What stands there is no header, so nobody knows where the next record begins."""
    PAYLOAD = "payload"
    """The header is whole and the event is not."""


def encode(  # noqa: PLR0913 - the fields of the header
    event: int,
    data: bytes,
    *,
    flags: int,
    generation: int,
    connected: int,
    arrived: int | None = None,
) -> bytes:
    """Return the bytes of a record, which arrives now unless it is said; see `Header`.

    Raises struct.error for numbers that have no place in it.
    """
    now = time.time_ns() if arrived is None else arrived
    fields = _FIELDS.pack(
        _MAGIC, event, flags, len(data), generation, now, connected, zlib.crc32(data)
    )
    return b"".join((fields, _CHECKSUM.pack(zlib.crc32(fields)), data))


def read_header(buffer: bytes, start: int) -> Header | None:
    """Read the header at `start` of at least `HEADER` bytes; None if what is there is none."""
    magic, event, flags, length, generation, arrived, connected, checksum = _FIELDS.unpack_from(
        buffer, start
    )
    (own,) = _CHECKSUM.unpack_from(buffer, start + _FIELDS.size)
    if magic != _MAGIC or own != zlib.crc32(buffer[start : start + _FIELDS.size]):
        return None
    return Header(event, flags, generation, arrived, connected, length, checksum)


def is_whole(header: Header, data: bytes) -> bool:
    """Say whether these are the bytes that were written after the header."""
    return zlib.crc32(data) == header.checksum
