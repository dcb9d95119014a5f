"""What a process printed: the end of it, and the beginning of its last words."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LINES: Final = 40
_HEAD_LINES: Final = 15
_MAX_LINE: Final = 400
_CHUNK: Final = 65536
_PIPE_CHUNKS: Final = 2  # a pipe holds 64 KiB
# How Go begins when it aborts the process (runtime/panic.go).
_LAST_WORDS: Final = (b"panic:", b"fatal error:", b"runtime:")


def go_died(printed: str) -> bool:
    """Tell whether Go says in what a process printed that it aborts it."""
    return any(line.encode().startswith(_LAST_WORDS) for line in printed.splitlines())


class Tail:
    """Reads a pipe on the event loop and keeps its last 40 lines.

    Of a Go panic, whose trace can be long, the first 15 lines are kept as well: they say why.
    `on_line` sees every line as it comes.
    """

    def __init__(self, pipe: int, on_line: Callable[[str], None] | None = None) -> None:
        self._pipe = pipe
        self._on_line = on_line
        self._rest = b""
        self._head: deque[bytes] = deque()
        self._last: deque[bytes] = deque(maxlen=_LINES)
        os.set_blocking(pipe, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._read)

    def text(self) -> str:
        """Return what is kept; not redacted."""
        lines = [*self._head]
        skipped = bool(lines) and len(self._last) == _LINES
        lines += [b"[...]"] if skipped else []
        return b"\n".join([*lines, *self._last, self._rest]).decode(errors="replace").strip()

    def close(self) -> None:
        """Read what is left in the pipe, and close it."""
        for _ in range(_PIPE_CHUNKS):  # bounded: somebody else may hold it and still write
            if self._pipe >= 0:
                self._read()
        if self._pipe >= 0:
            self._end()

    def _read(self) -> None:
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._end()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-_MAX_LINE:]
        for line in lines:
            self._keep(line[:_MAX_LINE])

    def _keep(self, line: bytes) -> None:
        last_words = self._head or line.startswith(_LAST_WORDS)
        kept = self._head if last_words and len(self._head) < _HEAD_LINES else self._last
        kept.append(line)
        if self._on_line is not None:
            self._on_line(line.decode(errors="replace"))

    def _end(self) -> None:
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
