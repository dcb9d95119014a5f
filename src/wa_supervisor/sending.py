"""What a program may say through its session: the part of `Supervisor` that sends."""

from __future__ import annotations

import base64
import contextlib
import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, overload

from .errors import Misused
from .gate import Broadcast, Group, Identity, Lid, Newsletter, Other, Phone, Status
from .gate.policy import Wildcard, parse_entry
from .messages.errors import SendError
from .messages.message import DOWNLOAD_TIMEOUT, MAX_DOWNLOAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from .downloads import Downloads
    from .messages.message import Message
    from .messages.outbox import Sent
    from .outgoing import Outgoing

SEND_TIMEOUT: Final = 90.0
"""Seconds for a message: whatsmeow gives WhatsApp 75 s for its answer."""

TYPING_TIMEOUT: Final = 2.0
"""Seconds for the end of typing, which a cancelled program waits for as well."""

Address: TypeAlias = Identity | Phone | Lid | Group | Newsletter | Broadcast | Status | Other | str
"""Whom to write to: what a message says of its chat or sender, or `+49...` or a JID."""

MediaKind: TypeAlias = Literal["image", "video", "audio", "voice", "document"]
WhenOffline: TypeAlias = Literal["wait", "raise"]


class Sending:
    """Sends by the client of a session. On the supervisor's loop, within its context.

    A message may have an idempotency key, kept on the disk before the message is handed over: the
    same `key` again returns the first result, also after a restart. Without one each call is a
    message of its own, of which nothing is kept. With `when_offline="wait"` a session that is not
    connected is waited for, with "raise" it is not. `timeout` is in seconds.

    Every method raises a SendError if the message was not sent or nobody knows (SendUnknown,
    SendTimeout: it is never sent again), KeyReused for a key of another message, OutboxError if the
    key cannot be kept.
    """

    _outgoing: Outgoing
    _downloads: Downloads

    async def send_text(  # noqa: PLR0913 - what may be said of a message
        self,
        to: Address,
        text: str,
        *,
        reply_to: Message | None = None,
        mentions: Iterable[Address] = (),
        key: str | None = None,
        when_offline: WhenOffline = "wait",
        timeout: float = SEND_TIMEOUT,
    ) -> Sent:
        """Send a text; with `reply_to` it quotes that message."""
        arguments: dict[str, Any] = {"to": _jid(to), "text": text}
        if named := [_jid(each) for each in mentions]:
            arguments["mentions"] = named
        if reply_to is not None:
            arguments["reply_to"] = _event(reply_to)
        return await self._outgoing.send(
            "send_text", arguments, key=key, wait=when_offline == "wait", within=timeout
        )

    async def reply(self, message: Message, text: str, *, key: str | None = None) -> Sent:
        """Answer a message where it was written, quoting it."""
        return await self.send_text(message.chat, text, reply_to=message, key=key)

    async def send_media(  # noqa: PLR0913 - what may be said of a file
        self,
        to: Address,
        path: Path | str,
        *,
        kind: MediaKind | None = None,
        caption: str | None = None,
        reply_to: Message | None = None,
        key: str | None = None,
        when_offline: WhenOffline = "wait",
        timeout: float = SEND_TIMEOUT,
    ) -> Sent:
        """Send a file; without `kind` its name says what it is, and what is unknown is a document.

        The session process reads it: it must stay where it is until this returns. Raises Misused
        if there is no such file.
        """
        file, is_there = _file(path)
        if not is_there:
            raise Misused(f"there is no file {file.name} to send")
        mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        arguments: dict[str, Any] = {
            "to": _jid(to),
            "path": str(file),
            "kind": kind or _kind_of(mime),
            "mime": mime,
            "name": file.name,
        }
        if caption is not None:
            arguments["caption"] = caption
        if reply_to is not None:
            arguments["reply_to"] = _event(reply_to)
        return await self._outgoing.send(
            "send_media", arguments, key=key, wait=when_offline == "wait", within=timeout
        )

    async def react(self, message: Message, emoji: str, *, key: str | None = None) -> Sent:
        """React to a message; an empty `emoji` takes the reaction back."""
        arguments = {"message": _event(message), "emoji": emoji}
        return await self._send_now("react", arguments, key)

    async def edit(self, chat: Address, sent: Sent, text: str, *, key: str | None = None) -> Sent:
        """Change the text of a message that was sent to this chat."""
        arguments = {"chat": _jid(chat), "id": sent.id, "text": text}
        return await self._send_now("edit", arguments, key)

    async def revoke(self, chat: Address, sent: Sent, *, key: str | None = None) -> Sent:
        """Take a message back that was sent to this chat."""
        return await self._send_now("revoke", {"chat": _jid(chat), "id": sent.id}, key)

    async def mark_read(self, message: Message) -> None:
        """Tell the sender that the message was read."""
        await self._outgoing.request("mark_read", {"message": _event(message)}, within=SEND_TIMEOUT)

    @contextlib.asynccontextmanager
    async def typing(self, chat: Address) -> AsyncIterator[None]:
        """Show that we are typing in this chat while this lasts. Raises SendError as it begins.

        If the end of it cannot be told, the other's phone ends it by itself, after some 25 seconds.
        """
        where = {"chat": _jid(chat)}
        await self._outgoing.request("typing", where | {"on": True}, within=SEND_TIMEOUT)
        try:
            yield
        finally:
            # What was done meanwhile is done: it must neither fail nor be held up for this.
            with contextlib.suppress(SendError):
                await self._outgoing.request("typing", where | {"on": False}, within=TYPING_TIMEOUT)

    @overload
    async def download(
        self,
        message: Message,
        to: None = None,
        *,
        max_bytes: int = MAX_DOWNLOAD,
        timeout: float = DOWNLOAD_TIMEOUT,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        message: Message,
        to: Path | str,
        *,
        max_bytes: int = MAX_DOWNLOAD,
        timeout: float = DOWNLOAD_TIMEOUT,
    ) -> Path: ...

    async def download(
        self,
        message: Message,
        to: Path | str | None = None,
        *,
        max_bytes: int = MAX_DOWNLOAD,
        timeout: float = DOWNLOAD_TIMEOUT,
    ) -> bytes | Path:
        """Return the file of a message, or put it at the path `to` and return that.

        A file at `to` is replaced when the new one is whole; its owner alone may open it. A sender
        may lie about the size: it is known when the session process has all of the file, in memory.

        Raises MediaGone, MediaTooLarge, MediaDamaged; MediaUnavailable if it may be had later, as
        without a connection or after `timeout` seconds. Misused for a message without a file.
        """
        path = None if to is None else Path(to)
        data = await self._downloads.download(message, path, max_bytes=max_bytes, timeout=timeout)
        return data if path is None else path

    async def call(self, method: str, /, *args: object, **kwargs: object) -> Any:  # noqa: ANN401
        """Call any other method of neonize's client, such as `get_joined_groups`.

        Arguments are numbers, texts, bytes, lists of them, and addresses, which become JIDs. What
        it returns comes back as such values; a protobuf message as its bytes. Its errors are those
        of a message, but nothing is repeated or kept. What the supervisor does itself (connect,
        stop, logout and the like) is refused.
        """
        arguments = {
            "method": method,
            "args": [_argument(each) for each in args],
            "kwargs": {name: _argument(each) for name, each in kwargs.items()},
        }
        (answer,) = await self._outgoing.request("call", arguments, within=SEND_TIMEOUT)
        return _value(json.loads(answer))

    async def _send_now(
        self, what: Literal["react", "edit", "revoke"], arguments: dict[str, Any], key: str | None
    ) -> Sent:
        return await self._outgoing.send(what, arguments, key=key, wait=True, within=SEND_TIMEOUT)


def _jid(address: Address) -> str:
    """Return an address as neonize takes it. Raises ConfigError for a text that names nobody."""
    if isinstance(address, str):
        parsed = parse_entry(address)
        if isinstance(parsed, Wildcard):
            raise Misused("a message is sent to somebody, not to everybody")
        return parsed.reveal()
    if isinstance(address, Identity):
        # whatsmeow writes to the LID whatever it is given; with the number it must ask first.
        return (address.lid or address.addresses[0]).reveal()
    return address.reveal()


def _event(message: Message) -> str:
    if not message.raw:
        raise Misused("a message that was not received cannot be answered")
    return base64.b64encode(message.raw).decode()


def _file(path: Path | str) -> tuple[Path, bool]:
    file = Path(path).absolute()
    return file, file.is_file()


def _kind_of(mime: str) -> MediaKind:
    group = mime.partition("/")[0]
    return group if group in {"image", "video", "audio"} else "document"  # type: ignore[return-value]


def _argument(value: object) -> object:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [_argument(each) for each in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return {"jid": _jid(value)}  # type: ignore[arg-type]


def _value(value: Any) -> Any:  # noqa: ANN401 - what a method of neonize returned
    if isinstance(value, list):
        return [_value(each) for each in value]
    return base64.b64decode(value["bytes"]) if isinstance(value, dict) else value
