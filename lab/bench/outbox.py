"""What it costs to keep a key, on a disk: until its message may be dispatched, and its result."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime

from wa_supervisor.messages.outbox import Outbox, Sent, fingerprint

from .figures import line
from .messages import on_disk

_PAUSE = 0.02
"""Seconds between two messages, as a program sends them."""


async def keys(runs: int) -> list[str]:
    """Messages that the client takes and answers at once."""
    before, after = [], []
    with on_disk() as where:
        async with aclosing(await Outbox.open(where / "outbox.db")) as outbox:
            for number in range(max(runs, 20) * 5):
                await asyncio.sleep(_PAUSE)
                dispatched = asyncio.get_running_loop().create_future()

                async def dispatch(dispatched: asyncio.Future[float] = dispatched) -> Sent:
                    dispatched.set_result(time.perf_counter())
                    return Sent("3EB0", datetime.now(UTC))

                began = time.perf_counter()
                await outbox.send(f"key {number}", fingerprint("to", "text"), dispatch)
                ended = time.perf_counter()
                before.append((dispatched.result() - began) * 1e3)
                after.append((ended - dispatched.result()) * 1e3)
    return [line("a key in the outbox", "ms", before=before, after=after)]
