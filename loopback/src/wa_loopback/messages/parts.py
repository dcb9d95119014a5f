"""What messages are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .. import wire
from ..nodes import Jid

CONVERSATION, SENDER_KEY, EXTENDED, PROTOCOL, DEVICE_SENT, REACTION, EDITED = (
    1,
    2,
    6,
    12,
    31,
    46,
    58,
)
"""Fields of a Message."""

WRAPPERS = (37, 40, 53, 55, EDITED)
"""Fields of a Message which hold another: view once, disappearing, captioned document, edit."""

REVOKE_TYPE, EDIT_TYPE = 0, 14
"""ProtocolMessage.Type."""


class MediaKind(StrEnum):
    """The kinds of files."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"


@dataclass(frozen=True)
class MediaFields:
    """Where a kind of file has its fields; None where it has no such field."""

    message: int
    """The field of a Message."""
    mimetype: int
    sha256: int
    size: int
    key: int
    enc_sha256: int
    path: int
    caption: int | None = None
    name: int | None = None


CONTEXT = 17
"""The contextInfo of extended texts and of every kind of file."""

MEDIA_FIELDS = {
    MediaKind.IMAGE: MediaFields(3, 2, 4, 5, 8, 9, 11, caption=3),
    MediaKind.VIDEO: MediaFields(9, 2, 3, 4, 6, 11, 13, caption=7),
    MediaKind.AUDIO: MediaFields(8, 2, 3, 4, 7, 8, 9),
    MediaKind.DOCUMENT: MediaFields(7, 2, 4, 5, 7, 9, 10, caption=20, name=8),
    MediaKind.STICKER: MediaFields(26, 5, 2, 9, 4, 3, 8),
}


@dataclass(frozen=True)
class Media:
    """A file that a message refers to; it lies encrypted on a media server."""

    kind: MediaKind
    mimetype: str
    size: int
    """Bytes of the file before its encryption."""
    path: str = field(repr=False)
    """Where it lies on the media server; with a query string, to which clients append."""
    key: bytes = field(repr=False)
    sha256: bytes = field(repr=False)
    enc_sha256: bytes = field(repr=False)
    caption: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    """The file name of a document."""


@dataclass(frozen=True)
class MessageKey:
    """Which message an edit, a revocation or a reaction is about: waCommon.MessageKey."""

    chat: Jid
    id: str
    from_me: bool
    """Whether that message was written by whoever writes this one."""
    author: Jid | None = None
    """Who had written it, in a group."""

    def encode(self) -> bytes:
        """Encode."""
        fields: list[tuple[int, int | bytes]] = [
            (1, str(self.chat).encode()),
            (2, self.from_me),
            (3, self.id.encode()),
        ]
        if self.author is not None:
            fields.append((4, str(self.author).encode()))
        return wire.message(fields)


@dataclass(frozen=True)
class Quote:
    """The message that a reply answers."""

    id: str
    author: Jid
    encoded: bytes = field(repr=False)
    """What it says: a waE2E.Message."""
