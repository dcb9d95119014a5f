"""Bots with faults: plain neonize code, run beside the client of either program.

What they react to is somebody typing, the one thing the loopback server can say to a bot.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import Any

BLOCKED_SECONDS = 8.0


def _on_typing(client: Any, handle: Any) -> None:
    events = import_module("neonize.events")
    client.event(events.ChatPresenceEv)(handle)


def blocks(client: Any) -> None:
    """Work on one event for far too long."""
    _on_typing(client, lambda *_: time.sleep(BLOCKED_SECONDS))


def raises(client: Any) -> None:
    """Have a bug in the handler."""

    def handle(*_: object) -> None:
        raise LookupError("the bot has a bug")

    _on_typing(client, handle)


def exits(client: Any) -> None:
    """Call sys.exit in the handler."""
    _on_typing(client, lambda *_: sys.exit(1))


def crashes(client: Any) -> None:
    """End the process without a word."""
    _on_typing(client, lambda *_: os._exit(70))


def listens(client: Any) -> None:
    """Want to hear of receipts."""
    events = import_module("neonize.events")
    client.event(events.ReceiptEv)(lambda *_: None)


def refuses(client: Any) -> None:
    """Fail before the client connects."""
    raise LookupError(f"there is no token for {type(client).__name__}")


def lingers(client: Any) -> None:
    """Keep the process from ending: what hangs in a stop."""
    del client
    leave = os._exit

    def slowly(code: int) -> None:
        time.sleep(BLOCKED_SECONDS)
        leave(code)

    os._exit = slowly  # type: ignore[assignment]
