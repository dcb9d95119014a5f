"""`wa-supervisor run --json` as a process of its own, and what it says, line by line."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path


async def start_run(
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    prefix: Sequence[str] = (),
) -> tuple[Process, AsyncIterator[str], AsyncIterator[str]]:
    """Start it; return it with the lines of its steps and the lines of its log.

    `prefix` is a command that runs the one it is given in its own place. Both lines must
    be read, or it comes to a halt once a pipe is full.
    """
    process = await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-m", "wa_supervisor", "run", *arguments, "--json"),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=env,
        cwd=cwd,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    return process, _lines(process.stdout), _lines(process.stderr)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    async for line in stream:
        yield line.decode(errors="replace").rstrip("\n")
