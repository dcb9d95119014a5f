"""What signals mean to a command that supervises."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_hang_up(hung_up: Callable[[], object]) -> Iterator[None]:
    """Have SIGHUP call `hung_up` on the loop while this lasts, unless it is ignored (nohup).

    Afterwards it is ignored, as the others are.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM call `stop` while this lasts; they interrupt nothing.

    Afterwards they are ignored: the command is ending, and an impatient second Ctrl-C must not
    spoil its exit code.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
