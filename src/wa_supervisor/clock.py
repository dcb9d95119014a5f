"""Time, and waiting for it: what the supervisor goes by, and its one real implementation."""

from __future__ import annotations

import functools
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractAsyncContextManager

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """For how long the machine has run: unlike the time of day, nobody can set it."""

    boot: str
    """A name of this run of the machine; another one after a restart."""
    seconds: float
    """Since the machine's start, suspends included."""


class Clock(Protocol):
    """Time, and waiting for it."""

    def time(self) -> float:
        """Seconds on a clock that never goes back. From any thread."""

    def wall(self) -> datetime:
        """The time of day, in UTC. From any thread."""

    def uptime(self) -> Uptime | None:
        """For how long the machine has run; None if that cannot be told."""

    def timeout_at(self, when: float | None) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError from the body once `time()` is `when`; never if that is None."""


class RealClock:
    """The computer's own."""

    def time(self) -> float:
        """Seconds since some moment, such as the machine's start; not while it was suspended."""
        return time.monotonic()

    def wall(self) -> datetime:
        """The time of day, in UTC, as far as the computer knows it."""
        return datetime.now(UTC)

    def uptime(self) -> Uptime | None:
        """For how long the machine has run, as Linux tells it; None elsewhere."""
        if sys.platform != "linux":
            return None
        boot = _boot()
        return None if boot is None else Uptime(boot, time.clock_gettime(time.CLOCK_BOOTTIME))

    def timeout_at(self, when: float | None) -> asyncio.Timeout:
        """Limit the body to the time before `when`."""
        from asyncio import timeout  # noqa: PLC0415 - who reads a journal wants a clock, and no loop

        return timeout(None if when is None else max(0.0, when - time.monotonic()))


@functools.cache
def _boot() -> str | None:
    """Name this run of the machine, which no process outlives; None if that cannot be read.

    Read once: with every step a file would be opened, after which the loop waits for Python's lock.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait for so many seconds of this clock."""
    try:
        async with clock.timeout_at(clock.time() + seconds):
            from asyncio import get_running_loop  # noqa: PLC0415 - as above

            await get_running_loop().create_future()
    except TimeoutError:
        return
