"""The bot of the sessions in the proof: it notes each message that it gets, and where.

    bot = "lab.fleet.reader:register"

A line is "TEXT SECOND?": whether the bot may have had it before, by what wa-supervisor says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from wa_supervisor.bot import current_delivery

READ_BY: Final = "LAB_FLEET_READ"
"""The environment variable with the file that all sessions append to."""


def register(client: Any) -> None:
    """Subscribe."""
    from neonize.events import MessageEv  # noqa: PLC0415 - the lab reads READ_BY without neonize

    path = Path(os.environ[READ_BY])

    @client.event(MessageEv)
    def on_message(_client: Any, message: Any) -> None:
        text = message.Message.conversation or message.Message.extendedTextMessage.text
        delivery = current_delivery()
        again = delivery is not None and delivery.redelivered
        with path.open("a") as file:  # one write: nothing of another comes between
            file.write(f"{text} {int(again)}\n")
