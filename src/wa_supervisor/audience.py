"""Who hears of a session's steps: functions, iterators, and those who wait for a state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .listeners import Listener, Listeners
from .step_stream import StepStream, Waiting

if TYPE_CHECKING:
    from .lifecycle import Step
    from .status import StepRecord


class Audience:
    """Everybody who asked to hear. None of them can harm the session or each other."""

    def __init__(self) -> None:
        self.ended = False
        """Whether there is nothing more to hear."""
        self._of_steps: Listeners[Step] = Listeners("step")
        self._of_records: Listeners[StepRecord] = Listeners("step")
        self._streams: list[StepStream] = []
        self._waiting: list[Waiting] = []

    def add(self, listener: Listener[Step]) -> None:
        """Call `listener` with every step from now on."""
        self._of_steps.add(listener)

    def add_for_records(self, listener: Listener[StepRecord]) -> None:
        """Call `listener` with the record of every step from now on."""
        self._of_records.add(listener)

    def stream(self) -> StepStream:
        """Return an iterator of the steps from now on."""
        stream = StepStream()
        self._streams.append(stream)
        if self.ended:
            stream.end()
        return stream

    @contextlib.contextmanager
    def waiting(self, look: Callable[[], bool]) -> Iterator[asyncio.Future[None]]:
        """Have `look` called now and after each step, until it returns True or raises.

        Gives the future that is done then, for as long as this lasts.
        """
        waiting = Waiting(look)
        self._waiting.append(waiting)
        try:
            waiting.check()
            yield waiting.over
        finally:
            self._waiting.remove(waiting)

    def hear(self, step: Step, record: StepRecord) -> None:
        """Hand a step to everybody; never raises and never waits."""
        self._of_steps.call(step)
        self._of_records.call(record)
        for stream in self._streams:
            stream.put(step)
        self._look()

    async def aclose(self, within: float) -> None:
        """Let coroutine functions finish what waits, but no longer than so many seconds."""
        async with asyncio.TaskGroup() as closing:
            for each in (self._of_steps, self._of_records):
                closing.create_task(each.aclose(within=within))

    def end(self) -> None:
        """End what iterates, and let those who wait find that it is over."""
        self.ended = True
        for stream in self._streams:
            stream.end()
        self._look()

    def _look(self) -> None:
        for waiting in self._waiting:
            waiting.check()
