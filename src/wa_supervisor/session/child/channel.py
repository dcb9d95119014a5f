"""The session process's end of the line: two threads, and a way out that always works."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Final, NoReturn

from ...errors import FrameError
from ..shared import protocol
from ..shared.spec import ExitCode

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

_FLUSH_SECONDS: Final = 1.0
_FIRST_FRAME_SECONDS: Final = 30.0
_MAX_QUEUED_LOGS: Final = 1000
_CHUNK: Final = 65536


class Channel:
    """Sends frames without ever blocking the caller; reads them on a thread of its own.

    neonize calls back on the thread that feeds it every event: whoever blocks there stops the
    client. So `send` only enqueues.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lines = protocol.Lines(protocol.MAX_LINE_DOWN)
        self._frames = self._read()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True, name="channel-writer")
        self._leaving = threading.Lock()

    def receive_run(self) -> protocol.Run:
        """Return the first frame, which must say what to run.

        Raises FrameError if it is something else, or does not come within 30 s.
        """
        self._sock.settimeout(_FIRST_FRAME_SECONDS)
        try:
            frame = next(self._frames)
        except TimeoutError:
            raise FrameError("the supervisor did not say what to run") from None
        if not isinstance(frame, protocol.Run):
            raise FrameError(f"the first frame must be run, not {frame.kind}")
        self._sock.settimeout(None)
        return frame

    def start(
        self,
        on_stop: Callable[[protocol.Stop], None],
        on_call: Callable[[protocol.Asked], None],
    ) -> None:
        """Start both threads; the two are called on the reading one, for every such frame."""
        self._writer.start()

        def listen() -> None:
            for frame in self._frames:
                if isinstance(frame, protocol.Stop):
                    on_stop(frame)
                elif isinstance(frame, protocol.Asked):
                    on_call(frame)

        threading.Thread(target=listen, daemon=True, name="channel-reader").start()

    def send(
        self,
        frame: protocol.Hello
        | protocol.FactFrame
        | protocol.Reply
        | protocol.Received
        | protocol.Refused
        | protocol.Bye,
    ) -> None:
        """Queue a frame."""
        self._outbox.put(protocol.encode(frame))

    def log(self, frame: protocol.Log) -> None:
        """Queue a log frame, unless the supervisor is far behind: facts matter more."""
        if self._outbox.qsize() < _MAX_QUEUED_LOGS:
            self._outbox.put(protocol.encode(frame))

    def leave(self, generation: int, code: ExitCode) -> NoReturn:
        """Send what is queued and a last word, and end the process from any thread.

        `os._exit`, because a client that is pairing holds a thread which never ends.
        """
        with self._leaving:
            try:
                if self._writer.ident is None and not self._outbox.empty():
                    self._writer.start()
                if self._writer.is_alive():
                    self.send(protocol.Bye(generation=generation))
                    self._outbox.put(None)
                    self._writer.join(_FLUSH_SECONDS)
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
            finally:
                os._exit(code)

    def _write(self) -> None:
        while (line := self._outbox.get()) is not None:
            try:
                self._sock.sendall(line)
            except OSError:
                os._exit(ExitCode.ORPHANED)

    def _read(self) -> Iterator[protocol.Down]:
        while True:
            try:
                data = self._sock.recv(_CHUNK)
            except TimeoutError:
                raise
            except OSError:
                data = b""
            if not data:
                os._exit(ExitCode.ORPHANED)
            for line in self._lines.feed(data):
                yield protocol.parse_down(line)
