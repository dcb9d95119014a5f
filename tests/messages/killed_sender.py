"""Sends numbered messages under keys, for ever, and is killed: `killed_sender.py OUTBOX WHATSAPP`.

What the client is handed stands in the file WHATSAPP; the answer may be long in coming.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from wa_supervisor.messages.errors import NotConnected, SendError
from wa_supervisor.messages.outbox import Outbox, Sent, fingerprint

MESSAGES = 150


async def main() -> None:
    outbox = await Outbox.open(Path(sys.argv[1]))
    whatsapp = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def send(number: int) -> None:
        async def dispatch() -> Sent:
            await asyncio.sleep(random.uniform(0, 0.004))
            if random.random() < 0.2:
                raise NotConnected("the line was cut before it was handed over")
            os.write(whatsapp, b"%d\n" % number)
            await asyncio.sleep(random.uniform(0, 0.004))
            return Sent(f"3EB0{number}", datetime.now(UTC))

        for _ in range(20):
            try:
                sent = await outbox.send(f"key {number}", fingerprint(str(number)), dispatch)
            except SendError as error:
                os.write(1, b"%s %d\n" % (error.code.encode(), number))
                if not error.retriable:
                    return
            else:
                assert sent.id == f"3EB0{number}"
                os.write(1, b"sent %d\n" % number)
                return

    os.write(1, b"ready\n")
    async with asyncio.TaskGroup() as group:
        for number in range(MESSAGES):
            group.create_task(send(number))
    await outbox.aclose()
    os.write(1, b"all\n")


if __name__ == "__main__":
    asyncio.run(main())
