"""The user's bot beside the client: on a thread of its own, so that it cannot hold the client up.

neonize calls handlers on the thread that feeds it every event, so a handler that works for a minute
keeps the end of the connection from being heard for that minute. Here events queue up for the bot:
handlers still run one at a time and in order, and only a queue of 10 000 holds the client up.
"""

from __future__ import annotations

import ctypes
import logging
import queue
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

QUEUE: Final = 10_000
_LOOKS: Final = 4  # at a handler within the patience

_Job: TypeAlias = "tuple[Callable[[], None], Callable[[BaseException | None], None]]"


class BotThread:
    """Runs neonize's `execute` for every event that `admits` lets through, in order.

    `busy` is called with the seconds, once, when a handler has worked for longer than `patience`;
    `free` when it is done after all.
    """

    def __init__(
        self,
        execute: Callable[[int, int, int, int], Any],
        patience: float,
        *,
        busy: Callable[[float], None],
        free: Callable[[], None],
        admits: Callable[[int, bytes], bool] = lambda _code, _data: True,
    ) -> None:
        self._execute = execute
        self._admits = admits
        self._patience = patience
        self._busy, self._free = busy, free
        self._events: queue.Queue[_Job] = queue.Queue(QUEUE)
        self._since: float | None = None
        self._at_work = threading.Event()  # there is a handler to watch, or there was just now
        self._last = time.monotonic()
        for work in (self._work, self._watch):
            threading.Thread(target=work, daemon=True, name=f"bot{work.__name__}").start()

    def put(self, uuid: int, data: bytes, code: int) -> None:
        """Hand an event over; blocks only while the queue is full."""

        def handle() -> None:
            if self._admits(code, data):
                self.handle(uuid, data, code)

        self.run(handle)

    def run(
        self,
        job: Callable[[], None],
        done: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        """Run this when all before it is done, and then say what it raised."""
        self._last = time.monotonic()
        self._events.put((job, done))

    def handle(self, uuid: int, data: bytes, code: int) -> None:
        """Run the handlers of an event, on the thread that this is; raises what they raise."""
        memory = ctypes.create_string_buffer(data, len(data))
        self._execute(uuid, ctypes.addressof(memory), len(data), code)

    def is_idle(self, seconds: float) -> bool:
        """Whether every event was handled, and none has come for so long."""
        return not self._events.unfinished_tasks and time.monotonic() - self._last > seconds

    def finish(self, within: float) -> None:
        """Wait until every event was handled, but no longer than `within` seconds."""
        end = time.monotonic() + within
        while self._events.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)

    def _work(self) -> None:
        while True:
            job, done = self._events.get()
            self._since = time.monotonic()
            if not self._at_work.is_set():
                self._at_work.set()
            raised: BaseException | None = None
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - SystemExit too: it is not its process
                # Its text may quote a message; where it happened does not.
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error("A handler of the bot raised %s:\n%s", type(error).__name__, where)  # noqa: TRY400
                raised = error
            finally:
                self._since = None
            done(raised)
            self._events.task_done()

    def _watch(self) -> None:
        """Report of one handler at most once that it is busy, and then that it is free."""
        reported: float | None = None
        while True:
            self._at_work.wait()
            time.sleep(self._patience / _LOOKS)
            since = self._since
            if since is None:
                self._at_work.clear()
                if self._since is not None:  # begun between the two
                    self._at_work.set()
            if reported is not None and since != reported:
                reported = None
                self._free()
            if since is not None and reported is None:
                worked = time.monotonic() - since
                if worked > self._patience:
                    reported = since
                    self._busy(worked)
