"""An echo: a bot beside the client, in plain neonize. It runs in the session process.

wa-supervisor run --bot echo_bot:register
"""

from __future__ import annotations

from typing import Any

from neonize.events import MessageEv


def register(client: Any) -> None:
    """Subscribe. This is called before the client connects, in every new process of the session."""

    @client.event(MessageEv)
    def on_message(client: Any, message: Any) -> None:
        source = message.Info.MessageSource
        if source.IsGroup or source.IsFromMe:
            return  # an echo that hears itself never ends
        # A text is in one field or the other; which, the sender's phone decides.
        text = message.Message.conversation or message.Message.extendedTextMessage.text
        if text:
            client.reply_message(text, message)

    # No connect(), no loop, no retry: all of that is what the supervisor is for. What the handler
    # raises is logged; if it ends the process, `wa-supervisor crashes` has the traceback, and the
    # next process begins with this function.
