"""What `run` tells a service manager that asked for it: systemd, with `Type=notify`."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
from typing import TYPE_CHECKING

from ..lifecycle import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..lifecycle import Step
    from ..sdnotify import Notifier
    from ..supervisor import Supervisor


@contextlib.asynccontextmanager
async def reporting(supervisor: Supervisor, notifier: Notifier | None) -> AsyncIterator[None]:
    """Report the supervisor for as long as this lasts; without a notifier do nothing.

    READY from the first step on: then the session's files are ours. STATUS with each step that
    changes it. WATCHDOG twice in each period, from this loop and never from a thread, so that a
    loop that hangs is found out.
    """
    if notifier is None:
        yield
        return
    report = _Report(supervisor, notifier)
    supervisor.on_step(report.step)
    alive = None
    if notifier.watchdog is not None:
        faulthandler.enable()  # systemd ends a hung program by SIGABRT: let it say where it hung
        alive = asyncio.create_task(report.stay_alive(notifier.watchdog / 2))
    try:
        yield
    finally:
        if alive is not None:
            alive.cancel()
        report.stopping()


class _Report:
    def __init__(self, supervisor: Supervisor, notifier: Notifier) -> None:
        self._supervisor = supervisor
        self._notifier = notifier
        self._last: str | None = None
        self._stopping = False

    def step(self, step: Step) -> None:
        text = self._supervisor.status.summary
        if text != self._last:
            self._last = text
            self._notifier.send(READY="1", STATUS=text)
        if step.after is State.STOPPED:
            self.stopping()

    def stopping(self) -> None:
        """Say so once, and only if it was ever ready: else the exit code says it all."""
        if self._last is not None and not self._stopping:
            self._stopping = True
            self._notifier.send(STOPPING="1")

    async def stay_alive(self, every: float) -> None:
        """Give signs of life; each repeats what was said, which may have met a full queue."""
        while True:
            said = {} if self._last is None else {"READY": "1", "STATUS": self._last}
            self._notifier.send(**said, WATCHDOG="1")
            await asyncio.sleep(every)
