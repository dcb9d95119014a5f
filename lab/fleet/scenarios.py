"""What is done to a fleet, and what it must do about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from .namespaces import Link
from .programs import Program
from .stays import Span
from .world import World

LONG: Final = 20.0
"""Seconds for which something is cut or frozen: longer than others wait for a worker."""
BLIP: Final = 4.0
"""Seconds of Postgres' absence that must cost no session."""
_STARTS: Final = 0.4
"""Seconds of it in which it starts."""
OUTAGE: Final = 30.0
"""Seconds of Postgres' absence after which no lease can hold."""


class Expect(Enum):
    """What becomes of the sessions."""

    TAKEN_OVER = auto()
    """Those of the worker that was hit are others'; the rest lives on."""
    UNTOUCHED = auto()
    """All connections live on."""
    STAYING = auto()
    """They live on or come back, and none to another worker."""
    RETURNING = auto()
    """All are back once it is over."""


@dataclass
class Fault:
    """What was done when, by whom it is done."""

    world: World
    victim: Program
    at: float = 0.0
    mended: float | None = None
    frozen: Span | None = None

    def begins(self) -> None:
        """Note that it is done now."""
        self.at = time.monotonic()

    def ends(self) -> None:
        """Note that it is undone now."""
        self.mended = time.monotonic()


Act = Callable[[Fault], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One, by the name that is typed."""

    name: str
    title: str
    act: Act
    expect: Expect


def _kill(*, all_of_it: bool) -> Act:
    async def act(fault: Fault) -> None:
        fault.begins()
        await fault.victim.kill(all_of_it=all_of_it)
        await _taken_over(fault)
        await fault.victim.start()

    return act


def _cut(*links: Link) -> Act:
    async def act(fault: Fault) -> None:
        fault.begins()
        await fault.victim.machine.cut(*links)
        await asyncio.sleep(LONG)
        fault.ends()
        await fault.victim.machine.mend(*links)

    return act


def _freeze(*, all_of_it: bool) -> Act:
    async def act(fault: Fault) -> None:
        fault.begins()
        pids = fault.victim.freeze(all_of_it=all_of_it)
        await asyncio.sleep(LONG)
        if all_of_it:
            fault.frozen = Span(fault.at, time.monotonic())
        fault.ends()
        fault.victim.thaw(pids)

    return act


def _down(seconds: float) -> Act:
    async def act(fault: Fault) -> None:
        fault.begins()
        await asyncio.to_thread(fault.world.postgres.stop)
        await asyncio.sleep(seconds - _STARTS)
        await asyncio.to_thread(fault.world.postgres.start)
        fault.ends()

    return act


async def _stall(fault: Fault) -> None:
    fault.begins()
    fault.world.postgres.freeze()
    await asyncio.sleep(LONG)
    fault.world.postgres.thaw()
    fault.ends()


async def _roll(fault: Fault) -> None:
    """Restart all workers, one after the other."""
    fault.begins()
    for program in fault.world.programs.values():
        await program.drain()
        await program.start()
        await fault.world.until(
            lambda: fault.world.alive() == len(fault.world.programs), "the worker is back"
        )
        await fault.world.all_up()


async def _taken_over(fault: Fault) -> None:
    """Wait until the victim's sessions are logged in elsewhere."""
    where = fault.world.where

    def gone() -> bool:
        now = where()
        return len(now) == len(fault.world.sessions) and fault.victim.name not in now.values()

    await fault.world.until(gone, "others have the sessions")


SCENARIOS: Final = (
    Scenario(
        "kill",
        "kill -9 of a worker, its fork server and its sessions",
        _kill(all_of_it=True),
        Expect.TAKEN_OVER,
    ),
    Scenario(
        "kill-supervisor",
        "kill -9 of a worker's supervisor alone",
        _kill(all_of_it=False),
        Expect.TAKEN_OVER,
    ),
    Scenario(
        "cut-database",
        f"a worker is cut off from Postgres for {LONG:g} s, and reaches WhatsApp",
        _cut(Link.CONTROL),
        Expect.TAKEN_OVER,
    ),
    Scenario(
        "cut-whatsapp",
        f"a worker is cut off from WhatsApp for {LONG:g} s, and reaches Postgres",
        _cut(Link.INTERNET),
        Expect.STAYING,
    ),
    Scenario("cut-both", f"a worker is cut off for {LONG:g} s", _cut(*Link), Expect.TAKEN_OVER),
    Scenario(
        "freeze",
        f"SIGSTOP of a worker, its fork server and its sessions for {LONG:g} s",
        _freeze(all_of_it=True),
        Expect.TAKEN_OVER,
    ),
    Scenario(
        "freeze-supervisor",
        f"SIGSTOP of a worker's supervisor alone for {LONG:g} s",
        _freeze(all_of_it=False),
        Expect.TAKEN_OVER,
    ),
    Scenario(
        "postgres-blip",
        f"Postgres crashes, and is back {BLIP:g} s later",
        _down(BLIP),
        Expect.UNTOUCHED,
    ),
    Scenario(
        "postgres-down",
        f"Postgres crashes, and is back {OUTAGE:g} s later",
        _down(OUTAGE),
        Expect.RETURNING,
    ),
    Scenario("postgres-frozen", f"SIGSTOP of Postgres for {LONG:g} s", _stall, Expect.RETURNING),
    Scenario(
        "rolling-restart",
        "SIGTERM to one worker after another, each started again",
        _roll,
        Expect.RETURNING,
    ),
)
