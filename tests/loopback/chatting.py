"""What tests of messages ask a bare client."""

from __future__ import annotations

from typing import Any

from lab.bare import BareClient


async def said(client: BareClient, text: str) -> dict[str, Any]:
    """The next message event with this text, plain or in a reply."""
    while True:
        event = await client.event("Message")
        message = event["Message"]
        if text in {
            message.get("conversation"),
            message.get("extendedTextMessage", {}).get("text"),
        }:
            return event


def source(event: dict[str, Any]) -> dict[str, Any]:
    """Chat, sender and the like of a message event."""
    found: dict[str, Any] = event["Info"]["MessageSource"]
    return found


def address(jid: dict[str, Any]) -> str:
    """An event's JID as text, with a device if it has one; empty if it says that it is."""
    if jid["IsEmpty"]:
        return ""
    device = f":{jid['Device']}" if jid["Device"] else ""
    return f"{jid['User']}{device}@{jid['Server']}"
