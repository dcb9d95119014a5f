"""How often each session of a program looks after itself, so that all together take little.

A session asks its process every 30 s whether it lives, and looks for files that were deleted. For a
thousand that would be a tenth of a core; they look less often instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

APART: Final = 0.1
"""Seconds on average between two looks of one kind, of all sessions on one loop: from 300 sessions
on, each looks every so many tenths of a second as there are sessions."""

_running: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


@contextlib.contextmanager
def counted() -> Iterator[None]:
    """Count one more session on the running loop for as long as this lasts."""
    loop = asyncio.get_running_loop()
    _running[loop] = _running.get(loop, 0) + 1
    try:
        yield
    finally:
        _running[loop] -= 1


def interval(seconds: float) -> float:
    """Return the seconds between two looks of one session that wants to look every so often."""
    return max(seconds, APART * _running.get(asyncio.get_running_loop(), 0))
