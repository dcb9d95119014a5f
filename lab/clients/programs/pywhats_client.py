"""pywhats as its README uses it; when a connection ends, its program ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from line import OPTIONS, hear, say
from pywhats import Client
from pywhats.events import JID


async def main() -> None:
    session = str(Path(OPTIONS["directory"]) / "session.json")
    client = Client(session, ws_url=OPTIONS["ws"])

    @client.on("qr")
    async def on_qr(payload: str) -> None:
        say("qr", payload=payload)

    @client.on("paired")
    async def on_paired(_jid: Any) -> None:
        say("paired")

    @client.on("connected")
    async def on_connected() -> None:
        say("open")

    @client.on("disconnected")
    async def on_disconnected() -> None:
        say("closed", reason="")

    @client.on("logged_out")
    async def on_logged_out(reason: Any) -> None:
        say("ended", reason=f"logged out: {reason}")

    @client.on("message")
    async def on_message(message: Any) -> None:
        say("message", text=message.text, chat=f"{message.chat.user}@{message.chat.server}")

    async def send(to: str, text: str) -> None:
        user, _, server = to.partition("@")
        await client.send_text(JID(user, server), text)

    await client.connect()
    hearing = asyncio.ensure_future(hear(send=send))
    closing = asyncio.ensure_future(client.wait_closed())
    await asyncio.wait({hearing, closing}, return_when=asyncio.FIRST_COMPLETED)


asyncio.run(main())
