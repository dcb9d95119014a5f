"""Messages a second through `wa-supervisor listen`, from a full inbox to the lines it prints."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NoReturn

from wa_supervisor.control import Talk
from wa_supervisor.control_server import listening
from wa_supervisor.gate import GatePolicy
from wa_supervisor.incoming import Incoming
from wa_supervisor.remote.listen import Source, listen
from wa_supervisor.remote.wire import READER
from wa_supervisor.setting_groups import InboxSettings
from wa_supervisor.store import SessionFiles

from .figures import line
from .inbox import write
from .messages import on_disk

_MESSAGES = 3000
_WITHIN = 120.0


async def throughput(runs: int) -> list[str]:
    """The command in a process of its own, acknowledging as it prints; the inbox is on a disk."""
    rates = [await _rate() for _ in range(max(runs // 4, 3))]
    return [line(f"listen, {_MESSAGES} messages that wait", "messages/s", rates=rates)]


async def _rate() -> float:
    with on_disk() as where:
        files = SessionFiles.open("shop", where)
        incoming = Incoming(files.directory / "inbox", InboxSettings(), GatePolicy(direct="open"))
        talks = {Talk.LISTEN: partial(listen, Source(incoming, _nothing))}
        async with (
            incoming.opened(lambda _: None),
            listening(files, {}, _nothing, talks),
        ):
            with closing(incoming.messages(_nothing, READER)) as reader:
                await reader.begin()  # kept from now on
            write(files.directory / "inbox", _MESSAGES)
            incoming.notify()
            while incoming.state is None or incoming.state.waiting < _MESSAGES:
                await asyncio.sleep(0.05)
            return await _printed(where)


async def _printed(where: Path) -> float:
    """From the first line to the last, so without the start of Python."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wa_supervisor", "listen", "--json"),
        *("--session", "shop", "--data-dir", str(where), "--limit", str(_MESSAGES)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_WITHIN):
            await process.stdout.readline()
            began = time.perf_counter()
            for _ in range(_MESSAGES - 1):
                await process.stdout.readline()
            seconds = time.perf_counter() - began
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return (_MESSAGES - 1) / seconds


def _nothing(*_: object) -> NoReturn:
    raise AssertionError("nobody asks for this")
