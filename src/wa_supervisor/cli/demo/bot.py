"""The demo's bot: it answers whatever is written to it, as any neonize bot would."""

from __future__ import annotations

from importlib import import_module
from typing import Any

ANSWER = "You said: {}"


def register(client: Any) -> None:  # noqa: ANN401 - neonize ships no types
    """Register the handler beside the client."""

    def answer(client: Any, message: Any) -> None:  # noqa: ANN401 - as above
        text = message.Message.conversation
        if text and not message.Info.MessageSource.IsFromMe:
            client.reply_message(ANSWER.format(text), message)

    client.event(import_module("neonize.events").MessageEv)(answer)
