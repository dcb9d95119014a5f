"""What `run` tells a service manager that asked for it: systemd, with `Type=notify`."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
from typing import TYPE_CHECKING, Final

from ..lifecycle import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ..lifecycle import Step
    from ..sdnotify import Notifier
    from ..supervisor import Supervisor

SOON: Final = 0.5
"""Seconds after which what many sessions did is told."""


@contextlib.asynccontextmanager
async def reporting(supervisor: Supervisor, notifier: Notifier | None) -> AsyncIterator[None]:
    """Report one supervisor, with which the program ends, for as long as this lasts."""
    if notifier is None:
        yield
        return
    async with reports(lambda: supervisor.status.summary, notifier) as report:
        supervisor.on_step(report.step_of_the_only_one)
        yield


@contextlib.asynccontextmanager
async def reports(summary: Callable[[], str], notifier: Notifier | None) -> AsyncIterator[Report]:
    """Report what `summary` says for as long as this lasts; without a notifier do nothing.

    READY from the first report on: then the session's files are ours. STATUS with each that is
    news. WATCHDOG twice in each period, from this loop and never from a thread, so that a loop that
    hangs is found out.
    """
    report = Report(summary, notifier)
    alive = None
    if notifier is not None and notifier.watchdog is not None:
        faulthandler.enable()  # systemd ends a hung program by SIGABRT: let it say where it hung
        alive = asyncio.create_task(report.stay_alive(notifier, notifier.watchdog / 2))
    try:
        yield report
    finally:
        if alive is not None:
            alive.cancel()
        report.stopping()


class Report:
    """What was said last, and what is to be said now."""

    def __init__(self, summary: Callable[[], str], notifier: Notifier | None) -> None:
        self._summary = summary
        self._notifier = notifier
        self._last: str | None = None
        self._stopping = False
        self._soon: asyncio.TimerHandle | None = None

    def news(self, step: Step) -> None:
        """Say how things stand, after a step."""
        del step
        self._tell()

    def _tell(self) -> None:
        if self._notifier is None:
            return
        text = self._summary()
        if text != self._last:
            self._last = text
            self._notifier.send(READY="1", STATUS=text)

    def news_soon(self) -> None:
        """Say how things stand within a second: where there are many, much happens at once."""
        if self._notifier is not None and self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON, self._now)

    def _now(self) -> None:
        self._soon = None
        self._tell()

    def step_of_the_only_one(self, step: Step) -> None:
        """Say how the only session stands; with it the program stops."""
        self.news(step)
        if step.after is State.STOPPED:
            self.stopping()

    def stopping(self) -> None:
        """Say so once, and only if it was ever ready: else the exit code says it all."""
        if self._soon is not None:
            self._soon.cancel()
            self._tell()
        if self._notifier is not None and self._last is not None and not self._stopping:
            self._stopping = True
            self._notifier.send(STOPPING="1")

    async def stay_alive(self, notifier: Notifier, every: float) -> None:
        """Give signs of life; each repeats what was said, which may have met a full queue."""
        while True:
            said = {} if self._last is None else {"READY": "1", "STATUS": self._last}
            notifier.send(**said, WATCHDOG="1")
            await asyncio.sleep(every)
