"""The server's end of a WebSocket which carries binary messages, after RFC 6455 by `wsproto`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
)
from wsproto.utilities import ProtocolError

from .errors import PeerGone

CHUNK = 65536
PATH = "/ws/chat"
_NOT_FOUND = 404
_REDIRECTS = range(300, 400)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST
_CLOSE_GRACE = 2.0  # seconds a client has to answer our close frame
_LOST = (ConnectionError, ssl.SSLError, ProtocolError)


class WebSocket:
    """One client's WebSocket. Sending never blocks: what this server says is small."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: bytes = b""
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._requests: deque[Request] = deque()
        self._messages: deque[bytes] = deque()
        self._partial = bytearray()
        self._received = received
        self._over = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address and port, as this server's kernel sees them."""
        host, port, *_ = self._writer.get_extra_info("peername")
        return host, port

    async def requested(self) -> Request:
        """Wait for the client's upgrade request; raises `PeerGone` when none comes."""
        while not self._requests:
            if not await self._read():
                raise PeerGone("the client closed before it asked for a WebSocket")
        return self._requests.popleft()

    def answer(self, request: Request, status: int | None) -> None:
        """Accept the request, or refuse it with an HTTP status.

        No extension is accepted: whatsmeow offers permessage-deflate and does without.
        Raises `PeerGone` when it was refused.
        """
        path = request.target.partition("?")[0]  # Baileys puts its edge routing there: ?ED=...
        refusal = status or (None if path == PATH else _NOT_FOUND)
        if refusal is None:
            self._write(AcceptConnection())
            return
        # Where a redirect leads: back here.
        where = [(b"location", PATH.encode())] if refusal in _REDIRECTS else []
        self._write(RejectConnection(status_code=refusal, headers=where))
        raise PeerGone(f"the upgrade was answered with {refusal}")

    async def receive(self) -> bytes | None:
        """Return the next message; None when the connection is over, however it ended."""
        while not self._messages:
            if not await self._read():
                return None
        return self._messages.popleft()

    def send(self, data: bytes) -> None:
        """Send one message; after the end it is lost, as on a network."""
        self._write(BytesMessage(data=data))

    def close(self) -> None:
        """Send a close frame; `receive` ends when the client answers, at the latest in 2 s."""
        self._write(CloseConnection(code=1000))
        if self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(_CLOSE_GRACE, self._writer.transport.abort)

    def pause(self) -> None:
        """Read no more."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def reset(self) -> None:
        """Cut the connection with a TCP RST."""
        sock = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):  # it is closed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    def release(self) -> None:
        """Drop the close frame's deadline; the connection is over."""
        if self._deadline is not None:
            self._deadline.cancel()

    async def _read(self) -> bool:
        """Read once and sort what arrived; False when nothing will arrive any more."""
        if self._over:
            return False
        try:
            data, self._received = self._received or await self._reader.read(CHUNK), b""
            if data:
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    self._sort(event)
                return True
        except _LOST:
            pass  # an end like any other
        self._over = True
        return False

    def _sort(self, event: Event) -> None:
        if isinstance(event, Request):
            self._requests.append(event)
        elif isinstance(event, BytesMessage):
            self._partial += event.data
            if event.message_finished:
                self._messages.append(bytes(self._partial))
                self._partial.clear()
        elif isinstance(event, Ping):
            self._write(event.response())
        elif isinstance(event, CloseConnection):
            self._over = True
            if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                self._write(event.response())

    def _write(self, event: Event) -> None:
        if self._protocol.state in {ConnectionState.CLOSED, ConnectionState.LOCAL_CLOSING}:
            return
        if not self._writer.transport.is_closing():
            self._writer.write(self._protocol.send(event))
