"""WhatsApp's frames: a three-byte big-endian length and that many bytes.

The client's first frame is preceded, once, by four bytes: the letters WA, the protocol version 6
and the version of the token dictionary, 3 (whatsmeow, `socket/constants.go`). Before those a client
may say by which of WhatsApp's edges it wants to be served: ED, 0, 1, a three-byte length and the
routing information that it was given at an earlier login. The server sends no such header.

A frame which the server sends must travel whole in one WebSocket message: whatsmeow's reassembly of
split frames (`socket/framesocket.go`) counts the length bytes wrongly.
"""

from __future__ import annotations

from .errors import Malformed

HEADER_SIZE = 4
_HEADER = b"WA\x06\x03"
_ROUTING = b"ED\x00\x01"
_LENGTH_SIZE = 3
MAX_FRAME = 2 ** (8 * _LENGTH_SIZE) - 1


def frame(data: bytes) -> bytes:
    """Put the length in front of a frame's data."""
    if len(data) > MAX_FRAME:
        raise Malformed(f"a frame holds at most {MAX_FRAME} bytes, not {len(data)}")
    return len(data).to_bytes(_LENGTH_SIZE, "big") + data


class FrameReader:
    """Cuts the client's byte stream into frames, however it was split on the way."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._header: bytes | None = None
        self.routing: bytes | None = None
        """The routing information which the client sent before its header."""

    @property
    def header(self) -> bytes:
        """The four bytes which the client sent first.

        Raises `Malformed` when they have not arrived.
        """
        if self._header is None:
            raise Malformed("the client has not sent its header")
        return self._header

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the frames which they complete.

        Raises `Malformed` when the stream does not begin as a WhatsApp client's does.
        """
        self._buffer += data
        if self._header is None:
            self._open()
        frames: list[bytes] = []
        while self._header is not None and len(self._buffer) >= _LENGTH_SIZE:
            end = _LENGTH_SIZE + int.from_bytes(self._buffer[:_LENGTH_SIZE], "big")
            if len(self._buffer) < end:
                break
            frames.append(self._take(end)[_LENGTH_SIZE:])
        return frames

    def _open(self) -> None:
        """Take what comes before the first frame, if all of it is there."""
        if self.routing is None and self._buffer.startswith(_ROUTING):
            end = HEADER_SIZE + _LENGTH_SIZE
            end += int.from_bytes(self._buffer[HEADER_SIZE:end], "big")
            if len(self._buffer) < max(end, HEADER_SIZE + _LENGTH_SIZE):
                return
            self.routing = self._take(end)[HEADER_SIZE + _LENGTH_SIZE :]
        if len(self._buffer) >= HEADER_SIZE:
            header = self._take(HEADER_SIZE)
            if header != _HEADER:
                raise Malformed("the stream does not begin with WhatsApp's header, WA 6 3")
            self._header = header

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
