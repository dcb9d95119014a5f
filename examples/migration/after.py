"""The same bot under the supervisor: the handler is what it was, and the rest is gone.

wa-supervisor run --session shop --bot after:register
"""

from __future__ import annotations

from typing import Any

from neonize.events import MessageEv


def register(client: Any) -> None:
    """Subscribe; the client is made and connected by the supervisor."""

    @client.event(MessageEv)
    def on_message(client: Any, message: Any) -> None:
        """Tell when the shop is open."""
        text = message.Message.conversation or message.Message.extendedTextMessage.text
        if "open" in text.lower():
            client.reply_message("We are open from 9 to 18.", message)
