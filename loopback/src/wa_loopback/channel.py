"""Nodes, encrypted, over one WebSocket: framing, handshake and codec put together."""

from __future__ import annotations

from collections import deque

from . import nodes
from .errors import PeerGone
from .framing import FrameReader, frame
from .nodes import Node
from .noise import Handshaken, Responder, ServerIdentity
from .trace import Tracer
from .websocket import WebSocket


class FrameSocket:
    """Frames over a WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self._reader = FrameReader()
        self._frames: deque[bytes] = deque()

    @property
    def header(self) -> bytes:
        """The client's four header bytes, once a frame was received."""
        return self._reader.header

    async def receive(self) -> bytes | None:
        """Return the next frame; None at the end. Raises `Malformed`."""
        while not self._frames:
            message = await self.websocket.receive()
            if message is None:
                return None
            self._frames += self._reader.feed(message)
        return self._frames.popleft()

    async def expect(self) -> bytes:
        """Return the next frame of a handshake; raises `PeerGone` at the end."""
        data = await self.receive()
        if data is None:
            raise PeerGone("the client closed during the handshake")
        return data

    async def drain(self) -> None:
        """Swallow everything until the client gives up."""
        while await self.websocket.receive() is not None:
            pass

    def send(self, data: bytes) -> None:
        """Send one frame, whole, in one message."""
        self.websocket.send(frame(data))


class Channel:
    """What a finished handshake leaves: a stream of nodes to and from a known client."""

    def __init__(
        self, frames: FrameSocket, client: Handshaken, tracer: Tracer | None = None
    ) -> None:
        self._tracer = tracer
        self._number = 0 if tracer is None else tracer.opened()
        self._frames = frames
        self.websocket = frames.websocket
        self.client = client

    async def receive(self) -> Node | None:
        """Return the next node; None at the end. Raises `Malformed`."""
        data = await self._frames.receive()
        if data is None:
            return None
        node = nodes.decode(self.client.receiving.decrypt(data))
        if self._tracer is not None:
            self._tracer.wrote(self._number, node, by_client=True)
        return node

    def send(self, node: Node) -> None:
        """Send a node."""
        if self._tracer is not None:
            self._tracer.wrote(self._number, node, by_client=False)
        self._frames.send(self.client.sending.encrypt(nodes.encode(node)))


async def handshake(
    websocket: WebSocket,
    identity: ServerIdentity,
    *,
    stalled: bool,
    tracer: Tracer | None = None,
) -> Channel:
    """Do the handshake, or swallow it when stalled.

    Raises `PeerGone` when the client left before the end, and `Malformed`.
    """
    frames = FrameSocket(websocket)
    hello = await frames.expect()
    if stalled:
        await frames.drain()
        raise PeerGone("the client gave up waiting for the handshake")
    responder = Responder(identity, frames.header)
    frames.send(responder.hello(hello))
    client = responder.resumed or responder.finish(await frames.expect())
    return Channel(frames, client, tracer)
