"""A program that embeds a supervisor, as `traffic` measures it: `SETTINGS`, as JSON.

It notes each message that `messages()` hands out, unless a bot does. A line of standard input is
what to send, `{"to": JID, "count": N, "key": PREFIX, "pause": SECONDS}`; the answer is
`{"sent": [SECONDS, ...]}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from wa_supervisor import Settings, Supervisor
from wa_supervisor.gate import Lid

from .message_reader import Qr, say
from .tally_bot import note


async def read(session: Supervisor) -> None:
    async for message in session.messages():
        note(message.id)


async def send(
    session: Supervisor, to: str, count: int, key: str | None, pause: float
) -> list[float]:
    taken = []
    for number in range(count):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        own = None if key is None else f"{key}-{number}"
        await session.send_text(Lid(to.partition("@")[0]), f"message {number}", key=own)
        taken.append(time.perf_counter() - began)
    return taken


async def main(settings: Settings) -> None:
    """Obey until the end of the input."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with Supervisor(settings, sinks=[Qr()]) as session:
        reading = None if settings.bot else asyncio.create_task(read(session))
        async for line in orders:
            say(sent=await send(session, **json.loads(line)))
        if reading is not None:
            reading.cancel()


if __name__ == "__main__":
    asyncio.run(main(Settings.model_validate_json(sys.argv[1])))
