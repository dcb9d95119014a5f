"""What a command line should not tell everybody: `ps` and /proc show it to all users."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

PRIVATE: Final = b"--phone"
"""The option whose value is taken out of the list of processes."""

_ARG_START: Final = 48  # of /proc/PID/stat, counted from 1: proc_pid_stat(5)


def hide_phone() -> bool:
    """Write `x` over the value of `--phone` where the kernel reads our arguments from.

    Until then, some milliseconds after the start, it could be seen. Returns False if it still can:
    where there is no /proc to write to.
    """
    if not any(argument.startswith(PRIVATE.decode()) for argument in sys.argv[1:]):
        return True
    try:
        arguments = Path("/proc/self/cmdline").read_bytes()
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start = int(fields[_ARG_START - 3])  # the number and the name stand before these
        memory = os.open("/proc/self/mem", os.O_WRONLY)
        try:
            for offset, length in _values(arguments):
                os.pwrite(memory, b"x" * length, start + offset)
        finally:
            os.close(memory)
    except OSError:
        return False
    return True


def _values(arguments: bytes) -> list[tuple[int, int]]:
    """Say where the values of the option are: offset and length."""
    found, offset, wanted = [], 0, False
    for argument in arguments.split(b"\0"):
        if wanted and argument != b"-":
            found.append((offset, len(argument)))
        elif argument.startswith(PRIVATE + b"="):
            skipped = len(PRIVATE) + 1
            found.append((offset + skipped, len(argument) - skipped))
        wanted = argument == PRIVATE
        offset += len(argument) + 1
    return found
