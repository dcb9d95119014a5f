"""A received message, typed. What it says and who it is from is never printed by accident."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, overload

from ..errors import Misused
from ..gate import Chat, Envelope, Group, Identity, Lid, Phone

MAX_DOWNLOAD: Final = 100 << 20
"""Bytes of a file, unless another limit is given."""
DOWNLOAD_TIMEOUT: Final = 120.0
"""Seconds for a file, unless others are given."""


class Kind(enum.Enum):
    """What a message is, before its content is looked at."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    VIDEO_NOTE = "video_note"
    """A round video, recorded in the chat."""
    AUDIO = "audio"
    VOICE = "voice"
    """Recorded in the chat."""
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    POLL_VOTE = "poll_vote"
    """For whom it was is encrypted, and neonize does not open it."""
    EVENT = "event"
    GROUP_INVITE = "group_invite"
    MENU = "menu"
    """Buttons, a list or a template to choose from."""
    CHOICE = "choice"
    """What was chosen from a menu."""
    REACTION = "reaction"
    """`text` is the emoji; empty when the reaction is taken back."""
    EDIT = "edit"
    """`text` is the new one."""
    REVOKE = "revoke"
    """A message is taken back."""
    ENCRYPTED = "encrypted"
    """Of a kind that is encrypted once more and that neonize does not open."""
    UNAVAILABLE = "unavailable"
    """It could not be decrypted yet. WhatsApp is asked again; it comes as a message of its own."""
    OTHER = "other"
    """Something else with content; `raw` has it."""


@dataclass(frozen=True, slots=True, repr=False)
class Media:
    """The file of a message: what is known of it before it is downloaded."""

    mime: str
    """As the sender says, so it may be anything."""
    size: int
    """Bytes, as the sender says."""
    sha256: bytes
    name: str | None = None
    """The file's name, of a document."""
    seconds: int | None = None
    """How long it plays."""
    width: int | None = None
    height: int | None = None
    """Pixels."""
    fetch: Callable[..., Awaitable[Any]] | None = field(default=None, compare=False)
    """How it is downloaded; None in a message that no session has handed out."""

    def __repr__(self) -> str:
        return f"<media, {self.size} bytes>"

    @overload
    async def download(
        self,
        to: None = None,
        *,
        max_bytes: int = MAX_DOWNLOAD,
        timeout: float = DOWNLOAD_TIMEOUT,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        to: Path | str,
        *,
        max_bytes: int = MAX_DOWNLOAD,
        timeout: float = DOWNLOAD_TIMEOUT,
    ) -> Path: ...

    async def download(
        self,
        to: Path | str | None = None,
        *,
        max_bytes: int = MAX_DOWNLOAD,
        timeout: float = DOWNLOAD_TIMEOUT,
    ) -> bytes | Path:
        """Return the file, or put it at the path `to` and return that, see `Supervisor.download`.

        Raises MediaError, and Misused for a message that no session has handed out.
        """
        if self.fetch is None:
            raise Misused("this message was handed out by no session, or has no file")
        found: bytes | Path = await self.fetch(to, max_bytes=max_bytes, timeout=timeout)
        return found


@dataclass(frozen=True, slots=True, repr=False)
class Location:
    """A place on Earth, in degrees."""

    latitude: float
    longitude: float

    def __repr__(self) -> str:
        return "<location>"


@dataclass(frozen=True, slots=True, repr=False)
class Quoted:
    """The message that another answers, as its sender tells it: nothing proves it is so."""

    id: str
    sender: Identity | None
    kind: Kind
    text: str

    def __repr__(self) -> str:
        return f"<quoted {self.kind.value} {_hidden(self.id)}>"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Message:
    """One message from WhatsApp."""

    id: str
    """WhatsApp's id, given by the sender's client; unique only together with chat and sender."""
    chat: Chat
    """Where it was written: of a direct message that is the other person."""
    sender: Identity | None
    """Who wrote it; None where WhatsApp names nobody, as in newsletters."""
    at: datetime
    """When WhatsApp had it, in UTC."""
    received_at: datetime
    """When this computer had it, in UTC."""
    kind: Kind
    text: str
    """What is written: text, caption, or the nearest the kind has to it; empty if nothing is."""
    quoted: Quoted | None = None
    mentions: tuple[Identity, ...] = ()
    mentions_me: bool = False
    """Whether our own account is among `mentions`; never, if who we are was not said."""
    replies_to_me: bool = False
    """Whether it quotes, or reacts to, a message of our own account."""
    media: Media | None = None
    location: Location | None = None
    edit_of: str | None = None
    """The id of the message whose text this one changes."""
    revoke_of: str | None = None
    """The id of the message that is taken back."""
    reaction_to: str | None = None
    """The id of the message that is reacted to."""
    from_me: bool = False
    """Our own account wrote it, on the phone or another linked device."""
    late: bool = False
    """It waited at WhatsApp: while we were away, or until it could be decrypted."""
    forwarded: bool = False
    view_once: bool = False
    push_name: str = ""
    """The name the sender has chosen: everybody may choose every name."""
    raw: bytes = b""
    """The event as neonize gave it: `neonize.proto.Neonize_pb2.Message`."""

    @property
    def is_group(self) -> bool:
        """Whether it was written in a group."""
        return isinstance(self.chat, Group)

    def envelope(
        self, phones: Mapping[Lid, Phone] | None = None, *, about_admitted: bool = False
    ) -> Envelope:
        """Return what the gate must know of it, see there."""
        known = phones or {}
        chat = self.chat.resolve(known) if isinstance(self.chat, Identity) else self.chat
        return Envelope(
            chat=chat,
            sender=self.sender and self.sender.resolve(known),
            from_me=self.from_me,
            mentions_me=self.mentions_me,
            replies_to_me=self.replies_to_me,
            about_admitted=about_admitted,
        )

    def __repr__(self) -> str:
        marks = [
            name
            for name, holds in (
                ("group", self.is_group),
                ("from_me", self.from_me),
                ("late", self.late),
            )
            if holds
        ]
        return f"<{' '.join(['message', self.kind.value, _hidden(self.id), *marks])}>"


def _hidden(text: str) -> str:
    """Return what tells two ids apart and gives neither away."""
    return "#" + hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
