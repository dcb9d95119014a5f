"""Waiting for what follows, and other ways to put acts together."""

from __future__ import annotations

import asyncio
import time

from wa_loopback.observations import CodeRequested, LoginAnswered
from wa_supervisor.session.child.loopback_patch import KEEPALIVE

from .fault import Act
from .judge import back_at
from .rig import PATIENCE, Stage


def wait(seconds: float) -> Act:
    """Let time pass."""

    async def act(_: Stage) -> None:
        await asyncio.sleep(seconds)

    return act


async def mended(stage: Stage) -> None:
    """Say that from now on recovery is possible."""
    stage.mended()


def in_turn(*acts: Act) -> Act:
    """Do one after another."""

    async def act(stage: Stage) -> None:
        for each in acts:
            await each(stage)

    return act


def later(seconds: float, act: Act) -> Act:
    """Do something a little later, while the next acts are done."""

    async def first(stage: Stage) -> None:
        async def then() -> None:
            await asyncio.sleep(seconds)
            await act(stage)

        stage.meanwhile.append(asyncio.get_running_loop().create_task(then()))

    return first


# -- waiting for what follows ---------------------------------------------------------------------


async def comes_back(stage: Stage) -> None:
    """Wait until the session is connected by a new login."""
    since = stage.turned
    await stage.until(lambda: back_at(stage, since) is not None, what="the session's return")
    stage.turned = time.monotonic()


async def reconnects(stage: Stage) -> None:
    """Wait until the device has a finished login, whatever the supervisor says."""
    assert stage.device is not None
    await stage.server.wait_connected(stage.device, timeout=PATIENCE)


async def code_shows(stage: Stage) -> None:
    """Wait until a code shows."""
    await stage.until(stage.code_that_works, what="a code")


async def withdrawn(stage: Stage) -> None:
    """Wait until the code that shows is good for nothing any more."""
    code = stage.patient.code()
    await stage.until(lambda: stage.code_that_works() != code, what="the end of the code")


async def logs_in(stage: Stage) -> None:
    """Wait until a login was received that was not there before the fault."""

    def received() -> bool:
        return any(isinstance(s, LoginAnswered) and s.at > stage.begun for s in stage.server.log)

    await stage.until(received, what="a login")


async def code_refused(stage: Stage) -> None:
    """Wait until a pair code was asked for and refused."""

    def refused() -> bool:
        return any(isinstance(s, CodeRequested) and not s.granted for s in stage.server.log)

    await stage.until(refused, what="a request for a pair code")


def misses_pings(count: int) -> Act:
    """Wait until the client has seen so many keepalives fail."""

    async def act(stage: Stage) -> None:
        deadline, _, longest, _ = (each * stage.patient.keepalive for each in KEEPALIVE)
        await asyncio.sleep(count * (longest + deadline))

    return act


def dials(count: int) -> Act:
    """Wait until so many more dials were made than before the fault."""

    async def act(stage: Stage) -> None:
        await stage.until(
            lambda: stage.server.dials - stage.dials >= count, what=f"dial {count} of the fault"
        )

    return act
