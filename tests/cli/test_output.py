"""Writes that never block: real pipes, a real terminal, a full disk, closed descriptors."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING, TextIO

import pytest
from pydantic import SecretStr
from rich.console import Console

from pairing.eyes import PAYLOAD, Terminal, read
from wa_supervisor.output import LAST_SECONDS, Output, bounded
from wa_supervisor.pairing.terminal import TerminalSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINE = "x" * 99 + "\n"
PIPE = 4096
LIMIT = 2000


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """The reading end, and a stream on the writing end, of a pipe that holds a page."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    stream = os.fdopen(writer, "w")
    yield reader, stream
    with contextlib.suppress(OSError):
        os.close(reader)
    stream.close()


def waiting(reader: int) -> int:
    """How many bytes can be read now."""
    (count,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))
    return int(count)


def fill(stream: TextIO) -> None:
    """Leave no room in the pipe."""
    os.write(stream.fileno(), b"-" * PIPE)


def all_of(reader: int, stream: TextIO) -> list[str]:
    """What comes out of the pipe once the writing end is closed."""
    stream.close()
    with os.fdopen(os.dup(reader)) as file:
        return file.read().splitlines()


def test_what_is_written_arrives_in_order(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    out = Output(stream)
    for number in range(20):
        print(number, file=out)
    assert out.finish(10)
    assert all_of(reader, stream) == [str(number) for number in range(20)]


def test_a_write_to_a_full_pipe_returns_at_once_and_the_rest_is_counted(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stream = pipe
    reasons: list[str] = []
    out = Output(
        stream,
        limit=LIMIT,
        notice=lambda count: json.dumps({"missed": count}) + "\n",
        on_loss=reasons.append,
    )
    fill(stream)
    for _ in range(200):
        out.write(LINE)
    assert not out.finish(0.1)
    assert reasons == ["its reader does not keep up"]
    taken = b""

    def take() -> bool:
        nonlocal taken
        while waiting(reader):
            taken += os.read(reader, PIPE)
        return not out._queue

    until(take)
    out.write(LINE)
    assert out.finish(10)
    lines = (taken.decode()[PIPE:] + "\n".join(all_of(reader, stream))).splitlines()
    kept = LIMIT // len(LINE)
    assert lines == [LINE[:-1]] * kept + [json.dumps({"missed": 200 - kept})] + [LINE[:-1]]


def test_the_end_tells_of_what_is_missing(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    out = Output(stream, limit=LIMIT, notice=lambda count: f"{count} missing\n")
    fill(stream)
    for _ in range(200):
        out.write(LINE)
    os.read(reader, PIPE)
    until(lambda: not out._queue)
    assert out.finish(10)
    assert all_of(reader, stream)[-1] == f"{200 - LIMIT // len(LINE)} missing"


def test_a_text_longer_than_the_queue_is_dropped_and_the_next_is_not(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stream = pipe
    out = Output(stream, limit=LIMIT)
    out.write("y" * (LIMIT + 1))
    out.write("short\n")
    assert out.finish(10) is False, "something is missing"
    assert all_of(reader, stream) == ["short"]


def test_a_reader_that_left_is_told_of_once_and_raises_nothing(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    reasons: list[str] = []
    out = Output(stream, on_loss=reasons.append)
    os.close(reader)
    for _ in range(5):
        out.write(LINE)
        until(lambda: not out._queue)
    assert reasons == ["Broken pipe"]
    assert out.take_missed() == 5


def test_a_disk_that_has_room_again_is_written_to_again(tmp_path: Path) -> None:
    """The disk is a file of at most 150 bytes, in a process of its own (RLIMIT_FSIZE)."""
    script = f"""
import resource, signal, sys
from wa_supervisor.output import Output
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = open({str(tmp_path / "log")!r}, "a")
out = Output(file, notice=lambda count: f"{{count}} missing\\n", on_loss=print)
for room in (150, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    for name in "ab":
        out.write(name * 99 + "\\n")
        out.finish(10)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "File too large\n"
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "a" * 99
    assert set(lines[1]) == {"b"}, "half of it went to the disk"
    assert len(lines[1]) < 99
    assert lines[2] == "1 missing", "the torn line is ended first"
    assert lines[3:] == ["a" * 99, "b" * 99]


def test_a_descriptor_that_somebody_made_non_blocking_loses_nothing(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stream = pipe
    os.set_blocking(stream.fileno(), False)
    out = Output(stream)
    for _ in range(100):
        out.write(LINE)
    taken = b""
    while taken.count(b"\n") < 100:
        taken += os.read(reader, PIPE)
    assert out.finish(10)
    assert taken.decode() == LINE * 100


def test_what_cannot_be_encoded_is_written_out(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="ascii") as file:
        out = Output(file)
        assert out.write("größe \udcff\n") == 8
        assert out.finish(10)
    assert (tmp_path / "log").read_text() == "gr\\xf6\\xdfe \\udcff\n"


def test_a_stream_without_a_descriptor_stays_as_it_is() -> None:
    stream = io.StringIO()
    assert bounded(stream) is stream


# -- a terminal ------------------------------------------------------------------------------------


class Pty(Terminal):
    """A real pseudo-terminal, whose output can be stopped as Ctrl-S does."""

    def __init__(self, columns: int, rows: int, *, limit: int) -> None:
        super().__init__(columns, rows)
        self.master, slave = pty.openpty()
        self.tty = os.fdopen(slave, "w")
        self.out = Output(self.tty, limit=limit)
        console = Console(
            file=self.out,  # type: ignore[arg-type]
            width=columns,
            height=rows,
            color_system="truecolor",
            _environ={},
        )
        self.console = console
        threading.Thread(target=self._read, daemon=True).start()

    def stop(self) -> None:
        termios.tcflow(self.tty, termios.TCOOFF)

    def go_on(self) -> None:
        termios.tcflow(self.tty, termios.TCOON)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 65536):
                with self._writing:
                    self.stream.feed(data.decode(errors="replace"))

    def close(self) -> None:
        self.go_on()
        self.tty.close()
        os.close(self.master)


@pytest.fixture
def tty() -> Iterator[Pty]:
    tty = Pty(100, 45, limit=30_000)
    yield tty
    tty.close()


def test_a_terminal_that_was_stopped_is_drawn_anew_when_it_goes_on(tty: Pty) -> None:
    sink = TerminalSink(tty.console)
    codes = [PAYLOAD[:-2] + f"{number:02}" for number in range(20)]
    sink.show_qr(SecretStr(codes[0]), 20)
    until(lambda: read(tty.picture("dark")) == [codes[0]])
    tty.stop()
    begun = time.monotonic()
    for code in codes:
        sink.show_qr(SecretStr(code), 20)
        tty.console.print(f"a line of the log about {code[-2:]}")
    assert time.monotonic() - begun < 5
    assert read(tty.picture("dark")) == [codes[0]], "the terminal is stopped"
    tty.go_on()
    until(lambda: read(tty.picture("dark")) == [codes[-1]])
    until(lambda: tty.text.count("New code in") == 1)
    sink.close()
    until(lambda: "New code in" not in tty.text and "█" not in tty.text)


def test_the_end_does_not_wait_for_a_terminal_that_is_stopped(tty: Pty) -> None:
    tty.stop()
    begun = time.monotonic()
    print("last words", file=tty.out)
    assert not tty.out.finish()
    assert time.monotonic() - begun < LAST_SECONDS + 1


# -- the program -----------------------------------------------------------------------------------


def run(command: str, *, shell: str = "") -> subprocess.CompletedProcess[str]:
    words = f"{sys.executable} -m wa_supervisor {command}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} {shell}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_full_disk_is_named_by_a_command_that_prints() -> None:
    done = run("diagram", shell="> /dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        "wa-supervisor: standard output cannot be written: No space left on device\n"
    )


def test_a_reader_that_has_seen_enough_is_no_trouble() -> None:
    done = run("diagram --format mermaid", shell="| true")
    assert done.returncode in {0, 1}
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_is_no_trouble(closed: str) -> None:
    done = run("--help", shell=closed)
    assert done.returncode == 0
    assert done.stderr == ""
