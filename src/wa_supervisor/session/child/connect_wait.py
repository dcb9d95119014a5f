"""Lets neonize's `connect()` sleep until there is something to do.

Its caller looks five times a second whether the Go call has returned or the program has set
neonize's stop event (client.py, `connect_with_proxy`): half the CPU of a session to which nothing
happens. Here both wake it. Signals still reach their handlers: Python's waits are interruptible.
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import Any, Final

_EVENT: Final = "ThreadEvent"
"""The name by which neonize.client makes the event that the caller of `connect()` waits for."""


def sleep_until_woken() -> bool:
    """Change how the imported neonize waits; say whether it could: another release may differ."""
    client: Any = sys.modules["neonize.client"]
    if getattr(client, _EVENT, None) is not threading.Event:
        return False
    waiting: list[_WokenEvent] = []
    set_stop_event = client.stop_event.set

    def make() -> _WokenEvent:
        waiting.append(_WokenEvent())
        return waiting[-1]

    def set_and_wake() -> None:
        set_stop_event()
        for event in waiting:
            event.wake()

    client.stop_event.set = set_and_wake
    setattr(client, _EVENT, make)
    return True


class _WokenEvent(threading.Event):
    """An event whose `wait` ends because somebody wakes it, and never because of its time."""

    def __init__(self) -> None:
        super().__init__()
        # Unlike a condition's lock, this may be used by a signal handler of the thread that waits.
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        super().set()
        self.wake()

    def wake(self) -> None:
        """End the wait that is under way, or else the next."""
        self._calls.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        if not self.is_set():
            self._calls.get()
        return self.is_set()
