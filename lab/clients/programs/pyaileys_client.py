"""pyaileys as its README uses it; it connects again by itself."""

from __future__ import annotations

import asyncio
from typing import Any

from line import OPTIONS, hear, say
from pyaileys import WhatsAppClient
from pyaileys.crypto import noise
from pyaileys.socket_config import SocketConfig

noise.WA_CERT_PUBLIC_KEY = bytes.fromhex(OPTIONS["noise_root"])


async def main() -> None:
    config = SocketConfig(ws_url=OPTIONS["ws"], keep_alive_interval_s=OPTIONS["keepalive"])
    client, auth = await WhatsAppClient.from_auth_folder(OPTIONS["directory"], socket=config)

    async def on_update(update: Any) -> None:
        if update.qr:
            say("qr", payload=update.qr)
        if update.is_new_login:
            say("paired")
        if update.connection == "open":
            say("open")
        elif update.connection == "close":
            say("closed", reason=repr(update.last_disconnect))

    async def on_creds_update(_creds: Any) -> None:
        await auth.save_creds()

    async def on_message(event: dict[str, Any]) -> None:
        if event["text"]:
            say("message", text=event["text"], chat=event["chat_jid"])

    client.on("connection.update", on_update)
    client.on("creds.update", on_creds_update)
    client.on("message.decrypted", on_message)
    await client.connect()
    await auth.save_creds()

    async def send(to: str, text: str) -> None:
        await client.send_text(to, text)

    await hear(send=send)


asyncio.run(main())
