"""Reads the inbox for ever and says which message it has, one line each. To be killed.

`killed_reader.py DIRECTORY`. A line is out before the next message is asked for, so all lines but
the last are of acknowledged messages: nobody may see those again.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from wa_supervisor.gate import Identity
from wa_supervisor.messages.inbox import Inbox, InboxOptions
from wa_supervisor.messages.reader import Item


def said_of(item: Item) -> dict[str, Any]:
    chat = item.message.chat
    return {
        "number": int(item.message.text.split()[0]),
        "chat": chat.lid.reveal() if isinstance(chat, Identity) and chat.lid else "",
        "redelivered": item.redelivered,
    }


async def main() -> None:
    inbox = await Inbox.open(Path(sys.argv[1]), options=InboxOptions(poll=0.02))
    os.write(1, f"{inbox.floor}\n".encode())
    async for item in await inbox.read():
        os.write(1, json.dumps(said_of(item)).encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
