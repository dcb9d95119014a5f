"""A bot that notes when a message has reached it: `ID SECONDS` in a file, by time.monotonic."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

FILE: Final = "BENCH_TALLY"
"""The environment's word for the file."""


def note(ident: str) -> None:
    """Note that a message is here."""
    os.write(_file(), f"{ident} {time.monotonic()}\n".encode())


def register(client: Callable[..., Any]) -> None:
    """Note every message."""
    kind = import_module("neonize.events").MessageEv

    def on_message(_: object, message: object) -> None:
        note(message.Info.ID)  # type: ignore[attr-defined]

    client.event(kind)(on_message)  # type: ignore[attr-defined]


def _file() -> int:
    if not _opened:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        _opened.append(os.open(os.environ[FILE], flags, 0o600))
    return _opened[0]


_opened: list[int] = []
