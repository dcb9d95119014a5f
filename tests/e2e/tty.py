"""The real command in a terminal of a given size, as a person sees it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import time
import uuid
from typing import TYPE_CHECKING

from e2e.processes import ends_within, marked, until
from pairing.eyes import Terminal, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from e2e.canary import Canary
    from e2e.harness import World

CTRL_C = b"\x03"


class Tty(Terminal):
    """A pseudo-terminal with `wa-supervisor` in its foreground."""

    def __init__(self, canary: Canary, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.process: asyncio.subprocess.Process | None = None
        self._canary = canary
        self._master, self._slave = pty.openpty()
        self._size(columns, rows)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    async def start(
        self, *arguments: str, cwd: Path, env: dict[str, str], stdout: int | None = None
    ) -> None:
        """Start the command with this terminal as its own; its output may go to a file instead."""

        def take_the_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        asyncio.get_running_loop().add_reader(self._master, self._on_output)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wa_supervisor",
            *arguments,
            stdin=self._slave,
            stdout=self._slave if stdout is None else stdout,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=take_the_terminal,
            cwd=cwd,
            env={"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | env,
        )

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def become(self, columns: int, rows: int) -> None:
        """Change the window's size."""
        self.screen.resize(rows, columns)
        self._size(columns, rows)

    async def shows(self, what: Callable[[str], object], *, within: float = 30.0) -> str:
        """Wait until the text on the screen is so, and return it."""
        try:
            await until(lambda: what(self.text), within)
        except TimeoutError:
            raise AssertionError(f"after {within} s the screen shows\n{self.text}") from None
        return self.text

    async def code(self) -> str:
        """Wait until a camera could read a QR off the screen, and return its text."""
        end = time.monotonic() + 30
        while not (found := read(self.picture("dark"))):
            assert time.monotonic() < end, f"the screen shows\n{self.text}"
            await asyncio.sleep(0.1)
        self._canary.learn_qr(found[0])
        return found[0]

    async def exit(self, *, within: float) -> int:
        """Return the exit code."""
        assert self.process is not None
        ending = asyncio.create_task(self.process.wait())
        assert await ends_within(ending, within, os.getpid(), self.process.pid), self.text
        await asyncio.sleep(0.05)  # what it said last is in the terminal
        return self.process.returncode or 0

    async def close(self) -> None:
        """End what runs in it and give it back."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._canary.hear("the terminal", self.written)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _on_output(self) -> None:
        text = self._decode(os.read(self._master, 1 << 16))
        self.written += text
        self.stream.feed(text)


@contextlib.asynccontextmanager
async def on_terminal(
    world: World,
    columns: int,
    rows: int,
    *arguments: str,
    stdout: Path | None = None,
    **variables: str,
) -> AsyncIterator[Tty]:
    """Run `wa-supervisor` in a terminal of its own; none of its processes may outlive that."""
    tty = Tty(world.canary, columns, rows)
    mark = uuid.uuid4().hex
    environment = world.environment(E2E_MARK=mark, **variables)
    out = None if stdout is None else os.open(stdout, os.O_WRONLY | os.O_CREAT)
    try:
        await tty.start(*arguments, cwd=world.directory, env=environment, stdout=out)
        yield tty
    finally:
        await tty.close()
        if out is not None:
            os.close(out)
    await until(lambda: marked(mark) == [], 5)


def run_arguments(world: World, *arguments: str) -> list[str]:
    """The command line of `run` for the world's data directory."""
    return ["run", "--data-dir", str(world.data_dir), *arguments]


async def said_by(world: World, command: str, *arguments: str) -> str:
    """What a command about the world's session says, on whatever stream."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wa_supervisor",
        command,
        "--data-dir",
        str(world.data_dir),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=world.directory,
        env=world.environment(),
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    world.canary.hear(f"what {command} says", out.decode())
    return out.decode()
