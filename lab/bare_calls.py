"""What a bare client is told to do with messages: one JSON object, `call` and its arguments.

    {"call": "send", "to": "...@lid", "text": "..."}      {"call": "reply", "id": ..., "text": ...}

A message that is replied to, reacted to, marked as read or downloaded is named by its id; it must
have been handled before.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from typing import Any

_KEPT = 1000


class Calls:
    """Carries the calls out, and keeps the last messages for them."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._utils = import_module("neonize.utils")
        self._messages: OrderedDict[str, Any] = OrderedDict()

    def keep(self, event: Any) -> None:
        """Keep a message event."""
        self._messages[event.Info.ID] = event
        if len(self._messages) > _KEPT:
            self._messages.popitem(last=False)

    def do(self, call: str, **arguments: Any) -> Any:
        """Carry a call out and return what it is worth; raises what neonize raises."""
        method: Callable[..., Any] = getattr(self, f"_{call}")
        return method(**arguments)

    def _jid(self, address: str) -> Any:
        user, _, server = address.partition("@")
        return self._utils.build_jid(user, server)

    def _send(self, to: str, text: str) -> str:
        return str(self._client.send_message(self._jid(to), text).ID)

    def _send_many(self, to: str, count: int, pause: float = 0.0) -> list[float]:
        """Send one after the other, with a pause before each; return how many seconds each took."""
        jid, taken = self._jid(to), []
        for number in range(count):
            time.sleep(pause)
            began = time.perf_counter()
            self._client.send_message(jid, f"message {number}")
            taken.append(time.perf_counter() - began)
        return taken

    def _reply(self, id: str, text: str) -> str:
        return str(self._client.reply_message(text, self._messages[id]).ID)

    def _react(self, id: str, emoji: str) -> str:
        source = self._messages[id].Info.MessageSource
        reaction = self._client.build_reaction(source.Chat, source.Sender, id, emoji)
        return str(self._client.send_message(source.Chat, reaction).ID)

    def _edit(self, to: str, id: str, text: str) -> str:
        messages = import_module("neonize.proto.waE2E.WAWebProtobufsE2E_pb2")
        new = messages.Message(conversation=text)
        return str(self._client.edit_message(self._jid(to), id, new).ID)

    def _delete(self, to: str, id: str) -> str:
        chat, own = self._jid(to), self._client.get_me().LID
        return str(self._client.revoke_message(chat, own, id).ID)

    def _read(self, id: str) -> None:
        source = self._messages[id].Info.MessageSource
        read = import_module("neonize.utils.enum").ReceiptType.READ
        self._client.mark_read(id, chat=source.Chat, sender=source.Sender, receipt=read)

    def _typing(self, to: str) -> None:
        kinds = import_module("neonize.utils.enum")
        state, media = kinds.ChatPresence.CHAT_PRESENCE_COMPOSING, kinds.ChatPresenceMedia
        self._client.send_chat_presence(self._jid(to), state, media.CHAT_PRESENCE_MEDIA_TEXT)

    def _send_document(self, to: str, data: str, name: str) -> str:
        content = bytes.fromhex(data)
        return str(self._client.send_document(self._jid(to), content, filename=name).ID)

    def _download(self, id: str) -> str:
        content: bytes = self._client.download_any(self._messages[id].Message)
        return content.hex()

    def _number_of(self, lid: str) -> str | None:
        found = self._client.get_pn_from_lid(self._jid(lid))
        return None if found.IsEmpty else f"{found.User}@{found.Server}"

    def _is_on_whatsapp(self, number: str) -> bool:
        (answer,) = self._client.is_on_whatsapp(number)
        return bool(answer.IsIn)

    def _joined_groups(self) -> list[str]:
        return [f"{each.JID.User}@{each.JID.Server}" for each in self._client.get_joined_groups()]
