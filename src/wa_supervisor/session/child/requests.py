"""What the supervisor may have done with the client, and how neonize does it.

The arguments are a JSON object: addresses as JIDs, a message that is meant as the event in which it
came (base64), because neonize wants both its chat and its sender as WhatsApp wrote them.
"""

from __future__ import annotations

import base64
import json
import os
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import SecretStr

from ...messages.errors import (
    MediaDamaged,
    MediaError,
    MediaGone,
    MediaTooLarge,
    MediaUnavailable,
    NotConnected,
    NotOnWhatsApp,
    Refused,
    SendError,
    SendTimeout,
    error_of_server,
)
from ..shared.neonize_texts import (
    MEDIA_DAMAGED,
    MEDIA_GONE,
    NO_LID,
    NO_SOCKET,
    SEND_TIMED_OUT,
    SERVER_ERROR,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..shared import protocol

Arguments: TypeAlias = dict[str, Any]
Answers: TypeAlias = tuple[SecretStr, ...]

_FORBIDDEN: Final = frozenset(
    {"connect", "disconnect", "stop", "logout", "PairPhone", "event", "qr", "blocking", "idle"}
)
"""Methods of the client that are the supervisor's."""


def perform(client: Any, request: protocol.Request) -> Answers:
    """Do what is asked for. Raises whatever neonize raises."""
    arguments: Arguments = json.loads(request.arguments.get_secret_value())
    return _WORK[request.what](client, arguments)


def known_error(error: Exception) -> SendError | MediaError:
    """Return what an exception of neonize means for whoever asked for something."""
    if isinstance(error, SendError | MediaError):
        return error
    text = str(error) or type(error).__name__
    server = re.search(SERVER_ERROR, text)
    if server is not None:
        return error_of_server(int(server[1]))
    for part, kind, message in _TEXTS:
        if part in text:
            return kind(message)
    return Refused(text)


_TEXTS: Final[tuple[tuple[str, type[SendError], str], ...]] = (
    (SEND_TIMED_OUT, SendTimeout, "WhatsApp did not confirm the message in time"),
    (NO_SOCKET, NotConnected, "there is no connection to WhatsApp"),
    (NO_LID, NotOnWhatsApp, "nobody on WhatsApp has this address"),
)


def _send_text(client: Any, arguments: Arguments) -> Answers:
    text = arguments["text"]
    quoted = _event(arguments, "reply_to")
    mentions = arguments.get("mentions", [])
    if quoted is None and not mentions:
        return _sent(client.send_message(_jid(arguments["to"]), _message(text)))
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (  # noqa: PLC0415 - never in the supervisor
        ContextInfo,
        ExtendedTextMessage,
        Message,
    )

    context = ContextInfo(mentionedJID=mentions)
    if quoted is not None:
        source = quoted.Info.MessageSource
        context.stanzaID = quoted.Info.ID
        context.participant = _text(source.Sender)
        context.quotedMessage.CopyFrom(quoted.Message)
    answer = Message(extendedTextMessage=ExtendedTextMessage(text=text, contextInfo=context))
    return _sent(client.send_message(_jid(arguments["to"]), answer))


def _send_media(client: Any, arguments: Arguments) -> Answers:
    to, path, kind = _jid(arguments["to"]), arguments["path"], arguments["kind"]
    caption, quoted = arguments.get("caption"), _event(arguments, "reply_to")
    match kind:
        case "image":
            answer = client.send_image(to, path, caption=caption, quoted=quoted)
        case "video":
            answer = client.send_video(to, path, caption=caption, quoted=quoted)
        case "audio" | "voice":
            answer = client.send_audio(to, path, ptt=kind == "voice", quoted=quoted)
        case _:
            answer = client.send_document(
                to,
                path,
                caption=caption,
                filename=arguments["name"],
                mimetype=arguments["mime"],
                quoted=quoted,
            )
    return _sent(answer)


def _react(client: Any, arguments: Arguments) -> Answers:
    info = _needed_event(arguments).Info
    source = info.MessageSource
    reaction = client.build_reaction(source.Chat, source.Sender, info.ID, arguments["emoji"])
    return _sent(client.send_message(source.Chat, reaction))


def _edit(client: Any, arguments: Arguments) -> Answers:
    text = _message(arguments["text"])
    return _sent(client.edit_message(_jid(arguments["chat"]), arguments["id"], text))


def _revoke(client: Any, arguments: Arguments) -> Answers:
    own = client.get_me().JID
    return _sent(client.revoke_message(_jid(arguments["chat"]), own, arguments["id"]))


def _mark_read(client: Any, arguments: Arguments) -> Answers:
    from neonize.utils.enum import ReceiptType  # noqa: PLC0415 - never in the supervisor

    info = _needed_event(arguments).Info
    source = info.MessageSource
    client.mark_read(info.ID, chat=source.Chat, sender=source.Sender, receipt=ReceiptType.READ)
    return ()


def _typing(client: Any, arguments: Arguments) -> Answers:
    from neonize.utils.enum import (  # noqa: PLC0415 - never in the supervisor
        ChatPresence,
        ChatPresenceMedia,
    )

    state = (
        ChatPresence.CHAT_PRESENCE_COMPOSING
        if arguments["on"]
        else ChatPresence.CHAT_PRESENCE_PAUSED
    )
    media = ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT
    client.send_chat_presence(_jid(arguments["chat"]), state, media)
    return ()


def _download(client: Any, arguments: Arguments) -> Answers:
    """Fetch the file of a message into one that is there; a stale request finds none."""
    from neonize.exc import NeonizeError  # noqa: PLC0415 - never in the supervisor

    message = _needed_event(arguments).Message
    if message.HasField("ptvMessage"):  # whatsmeow knows it as a video only
        message.videoMessage.CopyFrom(message.ptvMessage)
    try:
        data = client.download_any(message)
    except NeonizeError as error:
        raise _media_error(str(error)) from error
    limit = arguments["max_bytes"]
    if len(data) > limit:
        raise MediaTooLarge(f"the file has {len(data)} bytes, more than {limit}")
    descriptor = os.open(arguments["path"], os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(data)
    return ()


def _media_error(text: str) -> MediaError:
    if re.search(MEDIA_GONE, text):
        return MediaGone("WhatsApp does not have the file any more")
    if any(part in text for part in MEDIA_DAMAGED):
        return MediaDamaged("the file is not what its sender said")
    return MediaUnavailable(f"the file could not be downloaded: {text}")


def _call(client: Any, arguments: Arguments) -> Answers:
    """Call any method of the client that is not the supervisor's."""
    name = arguments["method"]
    if name.startswith("_") or name in _FORBIDDEN:
        raise Refused(f"{name} is not to be called: the supervisor does what it does")
    method = getattr(client, name, None)
    if not callable(method):
        raise Refused(f"neonize's client has no method {name}")
    positional = [_argument(each) for each in arguments["args"]]
    named = {key: _argument(each) for key, each in arguments["kwargs"].items()}
    return (SecretStr(json.dumps(_result(method(*positional, **named)))),)


_WORK: Final[Mapping[str, Callable[[Any, Arguments], Answers]]] = {
    "send_text": _send_text,
    "send_media": _send_media,
    "react": _react,
    "edit": _edit,
    "revoke": _revoke,
    "mark_read": _mark_read,
    "typing": _typing,
    "download": _download,
    "call": _call,
}


def _argument(value: Any) -> Any:
    """Return an argument of a call; an object with one key says what it stands for."""
    if isinstance(value, list):
        return [_argument(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "jid" in value:
        return _jid(value["jid"])
    return base64.b64decode(value["bytes"])


def _result(value: Any) -> Any:
    """Return what a method returned, as JSON: of neonize's messages their bytes."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "SerializeToString"):
        value = value.SerializeToString()
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    try:
        return [_result(each) for each in value]
    except TypeError:
        raise Refused(f"a {type(value).__name__} cannot be handed over") from None


def _sent(answer: Any) -> Answers:
    return (SecretStr(answer.ID), SecretStr(str(answer.Timestamp)))


def _message(text: str) -> Any:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (  # noqa: PLC0415 - never in the supervisor
        Message,
    )

    return Message(conversation=text)


def _jid(text: str) -> Any:
    from neonize.utils.jid import build_jid  # noqa: PLC0415 - never in the supervisor

    user, _, server = text.partition("@")
    return build_jid(user, server)


def _text(jid: Any) -> str:
    return f"{jid.User}@{jid.Server}"


def _event(arguments: Arguments, name: str) -> Any:
    from neonize.proto import Neonize_pb2  # noqa: PLC0415 - never in the supervisor

    data = arguments.get(name)
    return None if data is None else Neonize_pb2.Message.FromString(base64.b64decode(data))


def _needed_event(arguments: Arguments) -> Any:
    event = _event(arguments, "message")
    assert event is not None
    return event
