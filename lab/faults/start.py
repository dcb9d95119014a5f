"""Brings a program as far as a fault begins, on a loopback server of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from wa_loopback import LoopbackServer

from .disk import small_disk
from .fault import Fault, Given
from .invariants import CodeWatch
from .programs import Bare, ProgramUnderTest, Supervised
from .rig import Against, Rig


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Make a private directory, in memory where there is such a place: an fsync costs nothing."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - private, below
    with tempfile.TemporaryDirectory(
        prefix="wa-faults-", dir=parent, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@contextlib.asynccontextmanager
async def started(  # noqa: PLR0913 - one for each thing that differs
    fault: Fault,
    against: Against,
    *,
    seed: int,
    patience: float = 1.0,
    session: str = "default",
    where: Path,
    starting: asyncio.Semaphore | None = None,
) -> AsyncIterator[Rig]:
    """Bring a session as far as the fault begins, with `starting` held meanwhile."""
    async with LoopbackServer() as server, contextlib.AsyncExitStack() as mounts:
        phone = server.phone()
        program: ProgramUnderTest
        if against == "supervisor":
            program = Supervised(
                server.endpoint,
                where,
                session=session,
                keepalive=fault.keepalive,
                bot=fault.bot,
                policy=fault.policy,
                phone=phone.number if fault.by_code else None,
            )
        else:
            program = Bare(
                server.endpoint, where, session=session, keepalive=fault.keepalive, bot=fault.bot
            )
        if fault.disk is not None:
            program.use(await mounts.enter_async_context(small_disk(where, fault.disk)))
        rig = Rig(server, program, random.Random(seed), phone, patience)
        try:
            async with starting or contextlib.nullcontext():
                if fault.given is not Given.NOTHING:
                    await program.start()
                    await rig.until(rig.code_that_works, what="the first code")
                if fault.given is Given.PAIRED:
                    await rig.pair()
            async with CodeWatch(rig):
                yield rig
        finally:
            for task in rig.meanwhile:
                task.cancel()
            await program.clear_away()
