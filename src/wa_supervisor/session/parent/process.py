"""A process as its supervisor sees it: a pid, signals that cannot miss, and one exit status."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import subprocess

_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended; both are None if nobody could learn it."""

    returncode: int | None
    signal: int | None

    @classmethod
    def of(cls, returncode: int) -> ExitStatus:
        """Read a return code as `subprocess` has it: negative for a signal."""
        return cls(None, -returncode) if returncode < 0 else cls(returncode, None)


UNKNOWN_EXIT: Final = ExitStatus(None, None)
"""The process is gone, and nobody could learn how."""


class Process(Protocol):
    """A process that was started for us."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""

    async def wait(self) -> ExitStatus:
        """Return how it ended, once it was reaped."""


class PidHandle:
    """A process held by its pidfd: a signal can never hit another that got its pid.

    It occupies the event loop only while somebody waits in `gone`. Linux only.
    """

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid: Final = pid
        self._pidfd = pidfd
        self._waiters: list[asyncio.Future[None]] = []

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def close(self) -> None:
        """Let go of it; nobody may be waiting in `gone`."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    async def gone(self) -> None:
        """Return when the process has ended, reaped or not."""
        if self._pidfd < 0:
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiters.append(waiter)
        loop.add_reader(self._pidfd, self._on_exit)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)
            if self._pidfd >= 0 and not self._waiters:
                loop.remove_reader(self._pidfd)

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self.close()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class OwnProcess:
    """A child of ours, started with `subprocess`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._handle: PidHandle | None = None
        if sys.platform == "linux":
            self._handle = PidHandle(process.pid, os.pidfd_open(process.pid))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self._handle is not None:
            self._handle.send_signal(number)
        else:
            self._process.send_signal(number)  # polls first; nobody else reaps it

    async def wait(self) -> ExitStatus:
        """Return how it ended, once it was reaped."""
        if self._handle is not None:
            await self._handle.gone()
            return ExitStatus.of(self._process.wait())
        while (returncode := self._process.poll()) is None:  # noqa: ASYNC110 - see below
            await asyncio.sleep(_POLL_SECONDS)  # no pidfd here, and no thread to wait in
        return ExitStatus.of(returncode)
