"""The threads that work on files for `run`, and a way out when one of them never comes back.

A call to a dead disk or a hung network file system cannot be ended from within, and Python waits
for every thread before it exits. A stop must not.
"""

from __future__ import annotations

import concurrent.futures
import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from .. import output

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("wa_supervisor")

_P = ParamSpec("_P")
_T = TypeVar("_T")

LAST_SECONDS: Final = 0.5
"""For what is still at work when all else is over."""


class Workers(ThreadPoolExecutor):
    """Threads that know what they are at."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="wa-supervisor")
        self._busy: set[Future[Any]] = set()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Start a call on a thread, and know of it until it is over."""
        future = super().submit(fn, *args, **kwargs)
        self._busy.add(future)
        future.add_done_callback(self._busy.discard)
        return future

    def leave(self, code: int) -> None:
        """Return if no thread is at work, or soon none; else end the process with this code."""
        _, left = concurrent.futures.wait(set(self._busy), timeout=LAST_SECONDS)
        if left:
            log.error("the disk, or the server of the database, does not answer: not waiting")
            output.finish()
            os._exit(code)
