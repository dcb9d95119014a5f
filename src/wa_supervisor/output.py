"""What `run` writes, so that whoever reads it can be slow, hang or vanish.

A write blocks for as long as its reader likes (a pipe that is full, a terminal under Ctrl-S), and
fails once the reader is gone or the disk is full. Neither may hold up or end a session. So a
thread of each stream's own does the writing, out of a queue of bounded size.

The policy: what finds the queue full is dropped and counted, and so is all that follows until the
reader has taken what is queued; then a notice says how much is missing. What cannot be written
is counted in the same way, and the next text is tried again: a disk may have room by then. The end
of the program waits `LAST_SECONDS` for what is queued, and no longer.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_BYTES: Final = 256 * 1024
"""What may wait for a reader: some minutes of a busy log, some seconds of a live screen."""

LAST_SECONDS: Final = 0.5
"""For what is still queued when the program ends."""

_IDLE_SECONDS: Final = 2.0  # a thread that has had nothing to write for so long ends


@dataclass(frozen=True, slots=True)
class _Chunk:
    data: bytes
    stands_for: int = 1
    """How many texts are missing if this one cannot be written: of a notice, all it tells of."""


class BoundedText(io.TextIOBase, ABC):
    """A text stream whose writes never block and never raise; a thread of its own delivers them.

    `notice` makes the text that stands where texts are missing. `on_loss` is called with the reason
    whenever texts begin to be lost, from whatever thread notices. One that is `held` keeps what is
    written until `begin`.
    """

    def __init__(
        self,
        *,
        encoding: str = "utf-8",
        limit: int = QUEUE_BYTES,
        notice: Callable[[int], str] | None = None,
        on_loss: Callable[[str], None] | None = None,
        held: bool = False,
    ) -> None:
        self.notice = notice
        self.on_loss = on_loss
        self._encoding = encoding
        self._limit = limit
        self._held = held
        self._changed = threading.Condition()
        self._queue: deque[_Chunk] = deque()
        self._queued = 0
        self._missed = 0
        self._behind = False
        self._failing = False
        self._thread: threading.Thread | None = None

    @abstractmethod
    def deliver(self, data: bytes) -> str | None:
        """Write all of it, on the thread, which may block. Return what went wrong, if anything."""

    def begin(self) -> None:
        """Deliver what was held until now, and what comes. Called again it does nothing."""
        with self._changed:
            if self._held:
                self._held = False
                self._wake()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of what is delivered."""
        return self._encoding

    def writable(self) -> bool:
        """Say yes: what cannot be written is dropped."""
        return True

    def flush(self) -> None:
        """Do nothing: the thread writes as fast as the reader takes it. See `finish`."""

    def write(self, text: str, /) -> int:
        """Queue a text, or drop it. Returns at once, from any thread."""
        data = text.encode(self._encoding, "backslashreplace")
        with self._changed:
            self._behind = self._behind and bool(self._queue)
            lost = self._behind or self._queued + len(data) > self._limit
            begins = lost and not self._behind
            if lost:
                self._behind = True
                self._missed += 1
            else:
                self._put_notice()
                self._put(_Chunk(data))
        if begins:
            self._report("its reader does not keep up")
        return len(text)

    def take_missed(self) -> int:
        """Return how many texts were lost, once the reader has taken the rest; then forget them."""
        with self._changed:
            if self._queue:
                return 0
            missed, self._missed, self._behind = self._missed, 0, False
            return missed

    def finish(self, within: float = LAST_SECONDS) -> bool:
        """Wait for what is queued, so many seconds at most; say whether all of it was taken."""
        with self._changed:
            if self._held:
                return False
            if not self._queue:
                self._put_notice()
            return self._changed.wait_for(lambda: not self._queue, within) and not self._missed

    def _put_notice(self) -> None:
        if self._missed and self.notice is not None:
            missed, self._missed = self._missed, 0
            self._put(_Chunk(self.notice(missed).encode(self._encoding, "replace"), missed))

    def _put(self, chunk: _Chunk) -> None:
        self._queue.append(chunk)
        self._queued += len(chunk.data)
        self._wake()

    def _wake(self) -> None:
        if self._thread is None and self._queue and not self._held:
            # Of a write that hangs nobody can be rid but by ending the process.
            self._thread = threading.Thread(target=self._serve, name="output", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _serve(self) -> None:
        while (chunk := self._next()) is not None:
            trouble = self.deliver(chunk.data)
            with self._changed:
                self._queue.popleft()
                self._queued -= len(chunk.data)
                begins = trouble is not None and not self._failing
                self._failing = trouble is not None
                if trouble is not None:
                    self._missed += chunk.stands_for
                self._changed.notify_all()
            if begins:
                self._report(trouble or "")

    def _next(self) -> _Chunk | None:
        """Return what is to be written now; None ends the thread, until there is more to write."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._queue, _IDLE_SECONDS):
                self._thread = None
                return None
            return self._queue[0]

    def _report(self, why: str) -> None:
        if self.on_loss is not None:
            self.on_loss(why)


class Output(BoundedText):
    """A bounded text stream in place of one of ours, such as standard error.

    On a terminal no notice of missing texts is put, as a screen must be drawn anew: see
    `take_missed`.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        limit: int = QUEUE_BYTES,
        notice: Callable[[int], str] | None = None,
        on_loss: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(encoding=stream.encoding, limit=limit, notice=notice, on_loss=on_loss)
        self._descriptor = stream.fileno()
        self._terminal = stream.isatty()
        self._torn = False

    def isatty(self) -> bool:
        """Whether a terminal reads it."""
        return self._terminal

    def fileno(self) -> int:
        """The descriptor that is written to."""
        return self._descriptor

    def deliver(self, data: bytes) -> str | None:
        """Write all of it. Return what went wrong, if anything did."""
        left = memoryview(b"\n" + data if self._torn else data)
        try:
            while left:
                try:
                    written = os.write(self._descriptor, left)
                except BlockingIOError:  # whoever shares it with us made it so
                    select.select((), (self._descriptor,), ())
                    continue
                left = left[written:]
                self._torn = bool(left)
        except OSError as error:
            return error.strerror or type(error).__name__
        return None


def bounded(stream: TextIO) -> TextIO:
    """Make the Output of a stream; one without a descriptor (as in tests) stays as it is."""
    try:
        stream.fileno()
    except io.UnsupportedOperation:
        return stream
    return stream if isinstance(stream, Output) else cast("TextIO", Output(stream))


def take_over() -> tuple[TextIO, TextIO]:
    """Have all that this program prints from now on go through an Output.

    Returns what stands for standard output and standard error.
    """
    sys.stdout, sys.stderr = bounded(sys.stdout), bounded(sys.stderr)
    return sys.stdout, sys.stderr


def finish() -> OSError | None:
    """Bring out what is queued on both streams; return what went wrong with standard output.

    An Output has `LAST_SECONDS` for that; any other stream blocks for as long as its reader likes.
    """
    end = time.monotonic() + LAST_SECONDS
    trouble = None
    for stream in (sys.stderr, sys.stdout):
        if isinstance(stream, Output):
            stream.finish(max(0.0, end - time.monotonic()))
            continue
        try:
            stream.flush()
        except OSError as error:
            trouble = error if stream is sys.stdout else trouble
            _discard(stream)
    return trouble


def is_of_a_stream(error: OSError) -> bool:
    """Tell the failure of a write to a stream from that of any other call."""
    return error.filename is None and error.errno in _UNWRITABLE


_UNWRITABLE: Final = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def _discard(stream: TextIO) -> None:
    """Have the interpreter's own flush at its end succeed: else its exit code is 120."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def open_standard_streams() -> None:
    """Open what was closed when we were started.

    Else the next file that is opened gets its number, and what is printed lands in that file.
    """
    for descriptor, mode in enumerate(("r", "w", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            assert null == descriptor, "the lowest free number is taken first"
            os.set_inheritable(null, True)  # noqa: FBT003 - as the others are
            name = ("stdin", "stdout", "stderr")[descriptor]
            setattr(sys, name, os.fdopen(null, mode, closefd=False))
