"""What a bot beside the client may ask about the message in its hands.

Only for `inbox.bot_delivery = "inbox"`, where a message may come a second time and may be old:

    from wa_supervisor.bot import current_delivery

    @client.event(MessageEv)
    def on_message(client, message):
        delivery = current_delivery()
        if delivery is not None and delivery.redelivered:
            ...  # it may have been dealt with
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

__all__ = ["Delivery", "current_delivery"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a message came to the handler that has it now."""

    number: int
    """Its place in the session's inbox: the same at each delivery, and of no other message."""
    late: bool
    """It waited at WhatsApp: while we were away, or until it could be decrypted."""
    redelivered: bool
    """It was handed to the handlers before, and they have not returned: it may be dealt with."""


current: Final[ContextVar[Delivery | None]] = ContextVar("delivery", default=None)
"""Set around the handlers of a message; for the session process."""


def current_delivery() -> Delivery | None:
    """Return the delivery of the message that is being handled, on the handler's own thread.

    None where neonize handed the message over itself, in other events, and on other threads.
    """
    return current.get()
