"""A bot whose handler works for 10 ms, and then notes the message's text."""

from __future__ import annotations

import os
import time
from importlib import import_module
from typing import Any, Final

FILE: Final = "BENCH_HANDLED"
"""The environment's word for the file."""


def register(client: Any) -> None:
    """Handle every message."""
    kind = import_module("neonize.events").MessageEv
    file = os.open(os.environ[FILE], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def on_message(_: object, message: Any) -> None:
        time.sleep(0.01)
        os.write(file, f"{message.Message.conversation}\n".encode())

    client.event(kind)(on_message)
