"""The other end of `listen`: what the command does with its socket, its output and its input.

One thread and one `poll`, so that nothing waits for another: a supervisor that is away, a reader of
the output that is slow, and a program that acknowledges out of turn.

What was printed and not acknowledged is remembered, so a supervisor that comes back does not have
it printed twice; to a command that was killed it comes again. An acknowledgement is said again
until the supervisor has kept it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import select
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..control import Talk, connected, no_answer
from ..errors import ControlError
from ..messages.errors import ReaderBusy
from .replies import is_busy, parse
from .wire import FromListener, ListenRequest, Problem, ToListener, dump

if TYPE_CHECKING:
    import socket

    from ..store import SessionFiles

BACKOFF: Final = 0.2
MOST_BACKOFF: Final = 5.0
"""Seconds between two tries to find the supervisor again."""

BUSY_TIMEOUT: Final = 5.0
"""Seconds for the reader's name to become free: that of a command which was killed is soon."""

BEGIN_TIMEOUT: Final = 10.0
"""Seconds for a supervisor to answer at all."""

LAST_SECONDS: Final = 5.0
"""For the last acknowledgements to be kept, when all else is over."""

_CHUNK: Final = 4096  # bytes that a pipe takes at once when it takes any (pipe(7), PIPE_BUF)
_LONGEST_ID: Final = 1024
_DIGITS: Final = 18  # of a number in the inbox, at most
_TOGETHER: Final = 10_000  # acknowledgements in a line


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How to listen."""

    request: ListenRequest
    show: Callable[[dict[str, Any]], str]
    """Makes the text that is printed of a message."""
    say: Callable[[str], None]
    """Tells a person how it goes; it is told nothing of a message."""
    manual: bool = False
    """Acknowledge only what standard input names."""
    limit: int | None = None
    """End after so many messages."""
    input: int = 0
    output: int = 1
    """The descriptors of the standard streams."""


@dataclass(slots=True)
class _Standing:
    """What was printed, and how far it is acknowledged."""

    count: int = 0
    held: dict[int, str] = field(default_factory=dict)
    """Printed and not acknowledged: ids by number."""
    unkept: dict[int, None] = field(default_factory=dict)
    """Acknowledged, and not known to be kept."""
    unsaid: dict[int, None] = field(default_factory=dict)
    """Of these, what the supervisor was not told since it is there."""

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Take messages as acknowledged, printed by this command or an earlier one."""
        for number in numbers:
            self.held.pop(number, None)
            self.unkept[number] = self.unsaid[number] = None


class Listener:
    """Prints messages until the limit, the end of its input or of its output."""

    def __init__(self, files: SessionFiles, options: ListenOptions) -> None:
        self._files = files
        self._options = options
        self._standing = _Standing()
        self._stack = contextlib.ExitStack()
        self._line: socket.socket | None = None
        self._received = bytearray()
        self._typed = bytearray()
        self._output = bytearray()
        self._printing: tuple[int, str] | None = None
        self._input_ended = False
        self._away = False
        self._delay = 0.0
        self._due = time.monotonic()
        self._begun_by: float | None = None
        self._busy_since: float | None = None
        self._over_by: float | None = None

    def run(self) -> None:
        """Listen. Raises ReaderBusy, ControlError, OSError of standard output."""
        with contextlib.closing(self):
            while not self._is_over():
                now = time.monotonic()
                if self._line is None and now >= self._due:
                    self._connect()
                if self._begun_by is not None and now >= self._begun_by:
                    self._lose(str(no_answer(self._files)))
                self._poll()

    def close(self) -> None:
        """Let the supervisor go."""
        self._line = self._begun_by = None
        self._received.clear()
        self._stack.close()

    # -- what is waited for

    def _poll(self) -> None:
        """Wait for the first of all that can happen, and deal with what did."""
        poll, options = select.poll(), self._options
        poll.register(options.output, select.POLLOUT if self._output else 0)
        if options.manual and not self._input_ended:
            poll.register(options.input, select.POLLIN)
        line = -1 if self._line is None else self._line.fileno()
        if self._line is not None:
            poll.register(line, select.POLLIN)
        due = [self._due if self._line is None else None, self._begun_by, self._over_by]
        left = min((each - time.monotonic() for each in due if each is not None), default=None)
        wait = None if left is None else max(0, math.ceil(left * 1000))
        for descriptor, event in poll.poll(wait):
            if descriptor == line:
                self._receive()
            elif descriptor == options.input:
                self._read_ids()
            elif event & select.POLLOUT:
                self._write()
            else:  # whoever read it is gone
                raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))

    def _is_over(self) -> bool:
        """Whether all is done, or the time for it is over."""
        standing, limit = self._standing, self._options.limit
        done = limit is not None and standing.count >= limit and not self._output
        if self._options.manual:
            done = self._input_ended or (done and not standing.held)
        if not done:
            return False
        now = time.monotonic()
        if self._over_by is None:
            self._over_by = now + LAST_SECONDS
        return not standing.unkept or now >= self._over_by

    # -- the supervisor

    def _connect(self) -> None:
        arguments = self._options.request.model_dump(mode="json")
        try:
            self._line = self._stack.enter_context(connected(self._files, Talk.LISTEN, arguments))
            self._begun_by = time.monotonic() + BEGIN_TIMEOUT
        except ControlError as error:
            self._lose(str(error))

    def _lose(self, why: str) -> None:
        """Try again, later and later."""
        self.close()
        if not self._away:
            self._options.say(f"{why}; waiting for it")
        self._away = True
        self._delay = min(MOST_BACKOFF, self._delay * 2 or BACKOFF)
        self._due = time.monotonic() + self._delay

    def _receive(self) -> None:
        assert self._line is not None
        try:
            data = self._line.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._lose(f"the supervisor of session {self._files.name!r} has ended")
            return
        self._received += data
        while line := _first_line(self._received):
            if is_busy(line):
                self._lose("too many others talk with the supervisor")
                return
            self._hear(parse(line, ToListener, self._files))

    def _hear(self, said: ToListener) -> None:
        if said.problem is not None:
            self._fail(said.problem)
            return
        if said.acknowledged or said.message is not None:
            self._delay = 0.0  # not before: one that ends over a message would be asked at once
        for number in said.acknowledged:
            self._standing.unkept.pop(number, None)
        if said.begun:
            self._begin()
        if said.message is not None:
            self._print(json.loads(said.message.get_secret_value()))

    def _begin(self) -> None:
        if self._away:
            self._options.say("the supervisor is there")
        self._away, self._begun_by, self._busy_since = False, None, None
        self._standing.unsaid = dict(self._standing.unkept)
        self._say(more=self._wants_more())

    def _fail(self, problem: Problem) -> None:
        """Try again what may pass, and raise the rest."""
        now = time.monotonic()
        if problem.code == ReaderBusy.__name__:
            self._busy_since = self._busy_since or now
            if now - self._busy_since < BUSY_TIMEOUT:
                self.close()
                self._due = now + BACKOFF
                return
            raise ReaderBusy(problem.message, hint="choose another name for the reader")
        if problem.retriable:
            self._lose(f"messages cannot be read: {problem.message}")
            return
        raise ControlError(f"the supervisor refused: {problem.message}", hint=problem.hint)

    def _say(self, *, more: bool) -> None:
        """Say what was acknowledged, and whether one more is wanted."""
        unsaid = self._standing.unsaid
        while self._line is not None and (more or unsaid):
            numbers = tuple(itertools.islice(unsaid, _TOGETHER))
            try:
                said = FromListener(acknowledge=numbers, next=more)
                self._line.sendall(dump(said).encode() + b"\n")
            except OSError:
                self._lose(str(no_answer(self._files)))
                return
            for number in numbers:
                del unsaid[number]
            more = False

    def _wants_more(self) -> bool:
        """Whether one more message can be printed: one at a time, and up to the limit."""
        limit = self._options.limit
        return not self._output and (limit is None or self._standing.count < limit)

    # -- the program

    def _print(self, message: dict[str, Any]) -> None:
        number, id_ = int(message["number"]), str(message["id"])
        if self._standing.held.get(number) == id_:  # it was printed before the supervisor was away
            self._say(more=self._wants_more())
            return
        self._printing = number, id_
        self._output += self._options.show(message).encode("utf-8", "replace") + b"\n"

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):  # whoever shares it with us made it so
            del self._output[: os.write(self._options.output, self._output[:_CHUNK])]
        if self._output or self._printing is None:
            return
        standing, (number, id_) = self._standing, self._printing
        self._printing = None
        standing.count += 1
        if not self._options.manual:
            standing.acknowledge(tuple(standing.held))
        standing.held[number] = id_
        if not self._options.manual and not self._wants_more():
            standing.acknowledge(tuple(standing.held))
        self._say(more=self._wants_more())

    def _read_ids(self) -> None:
        data = os.read(self._options.input, 1 << 16)
        self._typed += data or b"\n"
        self._input_ended = not data
        while line := _first_line(self._typed):
            self._acknowledge(line.strip())
        if len(self._typed) > _LONGEST_ID:
            self._typed.clear()
            self._options.say("not acknowledged: what came on standard input is no number or id")
        self._say(more=False)

    def _acknowledge(self, name: bytes) -> None:
        """Take a number, or the id of a message that waits."""
        if not name:
            return
        if name.isdigit() and len(name) <= _DIGITS:
            self._standing.acknowledge([int(name)])
            return
        text, held = name.decode("utf-8", "replace"), self._standing.held
        found = [number for number, id_ in held.items() if id_ == text]
        if not found:
            self._options.say("not acknowledged: no message of this id was printed and waits")
        self._standing.acknowledge(found)


def _first_line(buffer: bytearray) -> bytes:
    """Take the first whole line out of a buffer; nothing, if there is none."""
    end = buffer.find(b"\n") + 1
    line = bytes(buffer[:end])
    del buffer[:end]
    return line
