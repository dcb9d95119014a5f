"""What every program here says and hears: a JSON object a line. See ../program.py."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

OPTIONS: dict[str, Any] = json.loads(sys.argv[1])


def say(kind: str, **fields: Any) -> None:
    print(json.dumps({"kind": kind, **fields}), flush=True)


async def hear(**actions: Callable[..., Awaitable[object]]) -> None:
    """Do what standard input says until it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        asked = json.loads(line)
        action = asked.pop("action")
        try:
            await actions[action](**asked)
        except Exception as error:
            say("failed", action=action, error=repr(error))
        else:
            say("done", action=action)
