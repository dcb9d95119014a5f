"""What a session process asks of the kernel for itself."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Final

from ..shared.spec import ExitCode

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_OF_PYTHON: Final = {signal.SIGPIPE, signal.SIGXFSZ}
"""It ignores these itself: they come as exceptions."""


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` dies; the socket's end is the other way.

    That one needs a process which runs: one that is stopped, or whose threads all wait for Go,
    would outlive its supervisor. On Linux only; elsewhere it only looks whether `parent` lives.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(ExitCode.ORPHANED)


def take_signals() -> None:
    """Undo what whoever started the supervisor had done to signals: ignored ones are inherited.

    A program under nohup, or of a shell that ignores SIGTERM, would have session processes which
    SIGTERM does not end, and with SIGCHLD ignored nobody could learn how they ended.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - _OF_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def leave_no_core() -> None:
    """Have no core file written when Go aborts the process: its memory holds the keys."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def keep_from_forks(descriptors: list[int]) -> None:
    """Close these descriptors in whatever is forked from here on."""

    def let_go() -> None:
        while descriptors:
            os.close(descriptors.pop())

    os.register_at_fork(after_in_child=let_go)
