"""The terminal of the playground: lines that are typed, and what happens meanwhile above them."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Final

from ...redaction import printable
from ..wrap import WIDTH, wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_PROMPT: Final = "> "
_ERASE: Final = "\r\x1b[K"


class Prompt:
    """Reads lines on a thread, because a file, a pipe and a terminal are read alike only so."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._asking = False

    async def lines(self) -> AsyncIterator[str]:
        """Give what is typed, line by line, until there is no more, or `close`."""
        loop = self._loop

        def read() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(self._lines.put_nowait, line.strip())
            loop.call_soon_threadsafe(self._lines.put_nowait, None)

        # A daemon: nothing ends a read from outside.
        threading.Thread(target=read, daemon=True, name="playground: input").start()
        while True:
            self._ask()
            line = await self._lines.get()
            self._asking = False
            if line is None:
                if self._is_terminal:
                    print()  # what comes now is not typed
                return
            if not self._is_terminal:
                print(f"{_PROMPT}{printable(line)}", flush=True)
            yield line

    def close(self) -> None:
        """End the lines: also from another thread, or a signal's handler, which wakes no loop."""
        self._loop.call_soon_threadsafe(self._lines.put_nowait, None)

    def say(self, text: str = "") -> None:
        """Print above the line that is being typed."""
        before = _ERASE if self._asking and self._is_terminal else ""
        for line in self._fitting(text):
            print(f"{before}{line}")
            before = ""
        self._ask(again=self._asking)
        sys.stdout.flush()

    def _fitting(self, text: str) -> Iterator[str]:
        """Break what is longer than a terminal is wide between words."""
        for line in map(printable, text.split("\n")):
            if self._is_terminal and len(line) > WIDTH:
                indent = line[: len(line) - len(line.lstrip())]
                yield from wrapped(line.lstrip(), indent, f"{indent}  ")
            else:
                yield line

    def _ask(self, *, again: bool = True) -> None:
        if again and self._is_terminal:
            self._asking = True
            print(_PROMPT, end="", flush=True)
