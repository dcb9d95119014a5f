"""Waiting for what follows, and other ways to put acts together."""

from __future__ import annotations

import asyncio
import time

from wa_loopback.observations import CodeRequested, LoginAnswered
from wa_supervisor.session.child.loopback_patch import KEEPALIVE

from .fault import Act
from .judge import back_at
from .rig import PATIENCE, Rig


def wait(seconds: float) -> Act:
    """Let time pass."""

    async def act(_: Rig) -> None:
        await asyncio.sleep(seconds)

    return act


async def mended(rig: Rig) -> None:
    """Say that from now on recovery is possible."""
    rig.mended()


def in_turn(*acts: Act) -> Act:
    """Do one after another."""

    async def act(rig: Rig) -> None:
        for each in acts:
            await each(rig)

    return act


def later(seconds: float, act: Act) -> Act:
    """Do something a little later, while the next acts are done."""

    async def first(rig: Rig) -> None:
        async def then() -> None:
            await asyncio.sleep(seconds)
            await act(rig)

        rig.meanwhile.append(asyncio.get_running_loop().create_task(then()))

    return first


# -- waiting for what follows ---------------------------------------------------------------------


async def comes_back(rig: Rig) -> None:
    """Wait until the session is connected by a new login."""
    since = rig.turned
    await rig.until(lambda: back_at(rig, since) is not None, what="the session's return")
    rig.turned = time.monotonic()


async def reconnects(rig: Rig) -> None:
    """Wait until the device has a finished login, whatever the supervisor says."""
    assert rig.device is not None
    await rig.server.wait_connected(rig.device, timeout=PATIENCE)


async def code_shows(rig: Rig) -> None:
    """Wait until a code shows."""
    await rig.until(rig.code_that_works, what="a code")


async def withdrawn(rig: Rig) -> None:
    """Wait until the code that shows is good for nothing any more."""
    code = rig.program.code()
    await rig.until(lambda: rig.code_that_works() != code, what="the end of the code")


async def logs_in(rig: Rig) -> None:
    """Wait until a login was received that was not there before the fault."""

    def received() -> bool:
        return any(isinstance(s, LoginAnswered) and s.at > rig.begun for s in rig.server.log)

    await rig.until(received, what="a login")


async def code_refused(rig: Rig) -> None:
    """Wait until a pair code was asked for and refused."""

    def refused() -> bool:
        return any(isinstance(s, CodeRequested) and not s.granted for s in rig.server.log)

    await rig.until(refused, what="a request for a pair code")


def misses_pings(count: int) -> Act:
    """Wait until the client has seen so many keepalives fail."""

    async def act(rig: Rig) -> None:
        deadline, _, longest, _ = (each * rig.program.keepalive for each in KEEPALIVE)
        await asyncio.sleep(count * (longest + deadline))

    return act


def dials(count: int) -> Act:
    """Wait until so many more dials were made than before the fault."""

    async def act(rig: Rig) -> None:
        await rig.until(
            lambda: rig.server.dials - rig.dials >= count, what=f"dial {count} of the fault"
        )

    return act
