"""Whoever reads `run` can be slow, hang or vanish: the session goes on and a stop is obeyed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.processes import ends_within, marked, until
from e2e.runs import STOP_BOUND
from e2e.tty import on_terminal, run_arguments
from wa_supervisor import State
from wa_supervisor.control import Order, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.harness import World

pytestmark = pytest.mark.e2e

PIPE = 4096  # bytes, the smallest: a dozen steps fill it
LINE = 512  # no line is longer
ORDERS = 60


@contextlib.asynccontextmanager
async def _started(
    world: World, *arguments: str, stdout: int, stderr: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a session that no server takes, with these descriptors."""
    world.server.refuse()
    mark = f"readers-{os.urandom(8).hex()}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wa_supervisor",
        *run_arguments(world, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=world.directory,
        env=world.environment(E2E_MARK=mark, WA_SUPERVISOR_POLICY__BACKOFF__BASE="60"),
    )
    try:
        await _answers(world)
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        await until(lambda: marked(mark) == [], 10)


async def _answers(world: World) -> None:
    """Wait until the supervisor has taken its place."""
    await until((world.files().directory / "control.sock").exists, 30)


async def _busy(world: World) -> None:
    """Give it orders, which it must take all the while."""
    for _ in range(ORDERS):
        await asyncio.to_thread(ask, world.files(), Order.RESUME)
    status = await asyncio.to_thread(ask, world.files(), Order.STATUS)
    assert status.state in {State.INIT, State.BACKOFF}


async def _stops(process: asyncio.subprocess.Process) -> None:
    os.kill(process.pid, signal.SIGTERM)
    ending = asyncio.create_task(process.wait())
    assert await ends_within(ending, STOP_BOUND, os.getpid(), process.pid)
    assert process.returncode == 0


def _small_pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    return reader, writer


def _full(world: World, reader: int) -> bool:
    """Have one more thing said; tell whether the pipe has no room for another."""
    ask(world.files(), Order.RESUME)
    (waiting,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))
    return int(waiting) > PIPE - LINE


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_pipe_that_nobody_reads_holds_nothing_up(world: World, stream: str) -> None:
    reader, writer = _small_pipe()
    own = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    async with _started(world, "--json", "-v", **own | {stream: writer}) as process:
        await until(lambda: _full(world, reader), 60)
        await _busy(world)
        await _stops(process)
    os.close(writer)
    os.close(reader)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_reader_that_leaves_ends_nothing(world: World, stream: str) -> None:
    reader, writer = _small_pipe()
    own = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    async with _started(world, "--json", "-v", **own | {stream: writer}) as process:
        os.close(writer)
        assert os.read(reader, 1)
        os.close(reader)
        await _busy(world)
        await _stops(process)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_full_disk_ends_nothing(world: World, stream: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    own = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    async with _started(world, "--json", "-v", **own | {stream: full}) as process:
        await _busy(world)
        await _stops(process)
    os.close(full)


def _are_null(pid: int, closed: str) -> bool:
    """Whether /dev/null stands where these descriptors were closed."""
    null = Path("/dev/null").stat().st_rdev
    return all(Path(f"/proc/{pid}/fd/{word[0]}").stat().st_rdev == null for word in closed.split())


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
async def test_streams_that_were_closed_at_the_start_end_nothing(world: World, closed: str) -> None:
    world.server.refuse()
    mark = f"readers-{os.urandom(8).hex()}"
    words = " ".join(
        [sys.executable, "-m", "wa_supervisor", *run_arguments(world, "--json"), closed]
    )
    process = await asyncio.create_subprocess_shell(
        f"exec {words}",
        cwd=world.directory,
        env=world.environment(E2E_MARK=mark, WA_SUPERVISOR_POLICY__BACKOFF__BASE="60"),
    )
    await _answers(world)
    await _busy(world)
    assert _are_null(process.pid, closed)
    await _stops(process)
    await until(lambda: marked(mark) == [], 10)


async def test_a_terminal_under_ctrl_s_holds_nothing_up(world: World) -> None:
    world.server.refuse()
    async with on_terminal(
        world, 100, 50, *run_arguments(world, "-v"), WA_SUPERVISOR_POLICY__BACKOFF__BASE="60"
    ) as tty:
        await tty.shows(lambda text: "default: Backoff" in text)
        tty.type(b"\x13")  # Ctrl-S
        await _busy(world)
        shown = tty.text
        await _busy(world)
        assert tty.text == shown, "the terminal is stopped"
        tty.type(b"\x11")  # Ctrl-Q
        await tty.shows(lambda text: text != shown)
        tty.type(b"\x13")
        assert tty.process is not None
        await _stops(tty.process)


async def test_steps_go_to_the_file_while_a_person_watches_the_terminal(world: World) -> None:
    world.server.refuse()
    steps = world.directory / "steps"
    arguments = run_arguments(world, "--json")
    async with on_terminal(world, 100, 30, *arguments, stdout=steps) as tty:
        await tty.shows(lambda text: "default: Backoff" in text)
        assert '"fact"' not in tty.text
        tty.type(b"\x03")
        assert await tty.exit(within=STOP_BOUND) == 0
    lines = [json.loads(line) for line in steps.read_text().splitlines()]
    assert [line["after"] for line in lines][-1] == "Stopped"


async def test_steps_on_the_terminal_stand_above_its_last_line(world: World) -> None:
    world.server.refuse()
    async with on_terminal(world, 200, 30, *run_arguments(world, "--json")) as tty:
        text = await tty.shows(lambda text: "\ndefault: Backoff" in text and '"Backoff"' in text)
        steps = [line for line in text.splitlines() if line.startswith("{")]
        assert steps
        tty.type(b"\x03")
        assert await tty.exit(within=STOP_BOUND) == 0
