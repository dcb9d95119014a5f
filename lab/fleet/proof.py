"""Plays scenarios from outside: in a hub that is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

from .namespaces import within
from .outcome import Outcome
from .scenarios import Scenario

_ROOT: Final = Path(__file__).parents[2]


async def outcomes(
    scenarios: Iterable[Scenario], *, sessions: int, workers: int
) -> AsyncIterator[Outcome]:
    """Play these in one world, and give what came of each as it is over.

    Ends early if the world fails, which says why on standard error.
    """
    names = [each.name for each in scenarios]
    program = [sys.executable, "-m", "lab.fleet.inside", str(sessions), str(workers), *names]
    process = await asyncio.create_subprocess_exec(
        *within(program), cwd=_ROOT, env=dict(os.environ), stdin=DEVNULL, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if line.startswith(b"{"):
                yield Outcome.model_validate_json(line)
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
