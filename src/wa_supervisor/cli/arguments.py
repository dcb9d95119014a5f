"""What a command line should not tell everybody: `ps` and /proc show it to all users."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

_PRIVATE: Final = frozenset({b"--database", b"--phone", b"--text", b"--group", b"--reply-to"})
"""The options whose value is taken out of the list of processes."""

_SHOWN: Final = frozenset(
    {b"--session", b"--data-dir", b"--config", b"--key", b"--timeout", b"--when-offline"}
)
"""Those of the commands below whose value stays."""

_ABOUT_PEOPLE: Final = frozenset({b"send", b"gate"})
"""The commands whose other words are addresses and texts."""

_ACTIONS: Final = frozenset({b"show", b"explain", b"allow", b"deny"})
"""The words of `gate` that are neither."""

_ARG_START: Final = 48  # of /proc/PID/stat, counted from 1: proc_pid_stat(5)


def hide_private() -> bool:
    """Write `x` over passwords, numbers, addresses and texts where the kernel has our arguments.

    Until then, some milliseconds after the start, they could be seen. Returns False if they still
    can: where there is no /proc to write to.
    """
    words = [word.encode("utf-8", "surrogateescape") for word in sys.argv[1:]]
    private = _private(words)
    if not private:
        return True
    try:
        arguments = Path("/proc/self/cmdline").read_bytes()
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start = int(fields[_ARG_START - 3])  # the number and the name stand before these
        if not arguments.endswith(b"\0".join((b"", *words, b""))):
            return False  # the memory has something else than we were given
        ours = len(arguments) - sum(len(word) + 1 for word in words)
        memory = os.open("/proc/self/mem", os.O_WRONLY)
        try:
            for offset, length in private:
                os.pwrite(memory, b"x" * length, start + ours + offset)
        finally:
            os.close(memory)
    except OSError:
        return False
    return True


def _private(words: list[bytes]) -> list[tuple[int, int]]:
    """Say where what is private is in our arguments as they stand in memory: offset and length."""
    found, offset, before = [], 0, b""
    about_people = bool(words) and words[0] in _ABOUT_PEOPLE
    for index, word in enumerate(words):
        name, equals, value = word.partition(b"=")
        if before in _PRIVATE:
            hidden = word
        elif equals and name in _PRIVATE:
            hidden = value
        elif before in _SHOWN or word.startswith(b"--") or not about_people:
            hidden = b""
        else:
            hidden = b"" if index == 0 or word in _ACTIONS else word
        if hidden not in {b"", b"-"}:
            found.append((offset + len(word) - len(hidden), len(hidden)))
        before = word
        offset += len(word) + 1
    return found
