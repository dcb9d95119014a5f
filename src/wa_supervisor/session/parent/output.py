"""What a process printed: the end of it, and the beginning of its last words."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, Final

from ..shared.neonize_texts import go_aborts

if TYPE_CHECKING:
    from collections.abc import Callable

_LINES: Final = 40
_HEAD_LINES: Final = 15
_MAX_LINE: Final = 400
_CHUNK: Final = 65536
_PIPE_CHUNKS: Final = 2  # a pipe holds 64 KiB


class Tail:
    """The last 40 lines of what was printed.

    Of a Go panic, whose trace can be long, the first 15 lines are kept as well: they say why.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._head: deque[bytes] = deque()
        self._last: deque[bytes] = deque(maxlen=_LINES)

    def add(self, data: bytes) -> list[str]:
        """Add what was printed next; return the lines that it completes, each cut short."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_MAX_LINE:]
        cut = [line[:_MAX_LINE] for line in lines]
        for line in cut:
            panicking = self._head or go_aborts(line.decode(errors="replace"))
            kept = self._head if panicking and len(self._head) < _HEAD_LINES else self._last
            kept.append(line)
        return [line.decode(errors="replace") for line in cut]

    def text(self) -> str:
        """Return what is kept; not redacted."""
        lines = [*self._head]
        skipped = bool(lines) and len(self._last) == _LINES
        lines += [b"[...]"] if skipped else []
        return b"\n".join([*lines, *self._last, self._rest]).decode(errors="replace").strip()


class OutputPipe:
    """Reads a pipe into a tail. `on_line` is called with every line as it comes."""

    def __init__(self, pipe: int, on_line: Callable[[str], None] | None = None) -> None:
        self.tail: Final = Tail()
        self._pipe = pipe
        self._on_line = on_line
        os.set_blocking(pipe, False)

    def watch(self) -> None:
        """Read on the running event loop whatever comes, from now on."""
        asyncio.get_running_loop().add_reader(self._pipe, self.read)

    def read(self) -> None:
        """Read once what there is."""
        if self._pipe < 0:
            return
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._end()
            return
        for line in self.tail.add(data):
            if self._on_line is not None:
                self._on_line(line)

    def close(self) -> None:
        """Read what is left in the pipe, and close it."""
        for _ in range(_PIPE_CHUNKS):  # bounded: somebody else may hold it and still write
            self.read()
        if self._pipe >= 0:
            self._end()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
