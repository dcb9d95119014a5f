"""A channel adapter, as agent frameworks have them: WhatsApp on one side, HTTP on the other.

WA_SUPERVISOR_GATE__ALLOW='["+4915112345678"]' FORWARD_TO=http://127.0.0.1:8080/ python channel.py

Each message of an allowed sender is posted as JSON; a text in the answer's body is sent back.
    {"id": ..., "sender": ..., "chat": ..., "text": ..., "late": ..., "redelivered": ...}
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wa_supervisor import Delivery, Identity, SendError, State, Supervisor, load_settings

log = logging.getLogger("channel")

Forward = Callable[[Delivery], Awaitable[str]]
"""Hands a message on and returns what is to be answered; raises OSError if it was not taken."""


@dataclass
class Channel:
    """What a framework asks of a channel: listen, send, and how it is.

    The allowlist is the session's gate (`[gate]` in the settings): it compares whole addresses,
    LIDs and numbers each with their own kind, and what it refuses never comes this far.
    """

    session: Supervisor
    name: str = "whatsapp"

    async def listen(self, forward: Forward) -> None:
        """Forward every message until it was taken, in the order in which they came."""
        async for message in self.session.messages(self.name, ack="manual"):
            answer = await self._forward(forward, message)
            if answer:
                await self.send(message, answer)
            # Only now: if we die before, the message comes again, marked `redelivered`.
            await message.ack()

    async def send(self, message: Delivery, text: str) -> None:
        """Answer a message, once."""
        try:
            await self.session.reply(message, text, key=f"{self.name}-{message.id}")
        except SendError as error:
            log.warning("the answer was not sent: %s", error)

    def is_healthy(self) -> bool:
        """Tell whether messages come and go."""
        return self.session.status.state is State.CONNECTED

    async def _forward(self, forward: Forward, message: Delivery) -> str:
        wait = 0.5
        while True:
            try:
                return await forward(message)
            except OSError as error:  # the other side is away; meanwhile the inbox keeps the rest
                log.warning("not taken, again in %s s: %s", wait, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 60.0)


def to_json(message: Delivery) -> bytes:
    """Return what the other side gets. From here on addresses and text are in the clear."""
    sender = message.sender.addresses[0].reveal() if message.sender else None
    chat = message.chat.addresses[0] if isinstance(message.chat, Identity) else message.chat
    fields = {
        "id": message.id,
        "sender": sender,
        "chat": chat.reveal(),
        "text": message.text,
        "late": message.late,
        "redelivered": message.redelivered,
    }
    return json.dumps(fields).encode()


def post_to(url: str) -> Forward:
    """Return what forwards a message to a web server."""

    def post(body: bytes) -> str:
        request = urllib.request.Request(  # noqa: S310 - the operator's own URL
            url, body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
            return str(response.read().decode())

    async def forward(message: Delivery) -> str:
        # urllib blocks, and a session's loop must not: off to a thread.
        return await asyncio.to_thread(post, to_json(message))

    return forward


async def main() -> None:
    """Run the channel until it is stopped."""
    async with Supervisor(load_settings().settings) as session:
        await Channel(session).listen(post_to(os.environ["FORWARD_TO"]))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
