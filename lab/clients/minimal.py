"""The smallest client: it pairs, logs in and keeps alive, and reads nothing but what it must.

For tests that need a client which breaks one rule, and for load that costs the machine little on
the client's side.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request

from wa_loopback import wire
from wa_loopback.framing import frame
from wa_loopback.keys import KeyPair
from wa_loopback.nodes import SERVER, Attrs, Jid, Node, decode, encode
from wa_loopback.noise import IK, XX, XX_FALLBACK, Cipher, SymmetricState

HEADER = b"WA\x06\x03"
_PATIENCE = 10.0  # seconds for anything that the server owes
_LENGTH_SIZE = 3  # of a frame's length
_STATIC = 2  # field of a ServerHello
_DEVICE_PREFIX = b"\x06\x01"


class Gone(Exception):
    """Raised when the server has closed."""


class MinimalClient:
    """One client, over any number of connections one after another.

    Its attributes may be set between connections.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.noise = KeyPair()
        self.identity = KeyPair()
        self.secret = secrets.token_bytes(32)
        self.opening = HEADER
        """What it sends before its first frame."""
        self.passive = True
        """Whether it says by itself when it is ready."""
        self.server_key: bytes | None = None
        """The server's Noise key, if it is to resume with IK; its own after each handshake."""
        self.pattern = b""
        """Which Noise handshake the last connection made."""
        self.jid: Jid | None = None
        """Who it is, once it was paired."""
        self._socket: _Socket | None = None
        self._ciphers: tuple[Cipher, Cipher] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close without a word."""
        if self._socket is not None:
            self._socket.abort()
            self._socket = None

    async def connect(self) -> None:
        """Dial and shake hands, as the device it is or to be registered. Raises `Gone`."""
        self.hang_up()
        self._socket = socket = await _Socket.dial(self.url)
        ephemeral = KeyPair()
        hello: list[tuple[int, int | bytes]] = [(1, ephemeral.public)]
        state = SymmetricState(HEADER, IK if self.server_key else XX)
        if self.server_key:
            state.mix_hash(self.server_key)
        state.mix_hash(ephemeral.public)
        if self.server_key:
            state.mix_key(ephemeral.agree(self.server_key))
            static = state.encrypt(self.noise.public)
            state.mix_key(self.noise.agree(self.server_key))
            hello += [(2, static), (3, state.encrypt(self._payload()))]
        socket.send(self.opening + frame(wire.message([(2, wire.message(hello))])))
        answer = wire.Fields(await socket.frame()).sub(3)
        if self.server_key and _STATIC not in answer:
            self.pattern = IK
            state.mix_hash(answer.raw(1))
            state.mix_key(ephemeral.agree(answer.raw(1)))
            state.mix_key(self.noise.agree(answer.raw(1)))
            state.decrypt(answer.raw(3))
        else:
            self.pattern = XX_FALLBACK if self.server_key else XX
            if self.server_key:
                state = SymmetricState(HEADER, XX_FALLBACK)
                state.mix_hash(ephemeral.public)
            self._finish(state, ephemeral, answer)
        self._ciphers = state.split()

    def _finish(self, state: SymmetricState, ephemeral: KeyPair, answer: wire.Fields) -> None:
        state.mix_hash(answer.raw(1))
        state.mix_key(ephemeral.agree(answer.raw(1)))
        self.server_key = state.decrypt(answer.raw(2))
        state.mix_key(ephemeral.agree(self.server_key))
        state.decrypt(answer.raw(3))
        static = state.encrypt(self.noise.public)
        state.mix_key(self.noise.agree(answer.raw(1)))
        finish = wire.message([(1, static), (2, state.encrypt(self._payload()))])
        self._open().send(frame(wire.message([(4, finish)])))

    def _payload(self) -> bytes:
        if self.jid is None:
            return wire.message([(19, wire.message([(3, self.identity.public)]))])
        login: list[tuple[int, int | bytes]] = [(1, int(self.jid.user)), (18, self.jid.device or 0)]
        return wire.message([login[0], (3, int(self.passive)), login[1]])

    def send(self, node: Node) -> None:
        """Send a node. Raises `Gone`."""
        socket = self._open()
        assert self._ciphers is not None
        socket.send(frame(self._ciphers[0].encrypt(encode(node))))

    async def receive(self) -> Node:
        """Return the next node. Raises `Gone`, and TimeoutError."""
        socket = self._open()
        assert self._ciphers is not None
        return decode(self._ciphers[1].decrypt(await socket.frame()))

    async def expect(self, tag: str) -> Node:
        """Return the next node of a tag; what comes before it is skipped. Raises as `receive`."""
        while (node := await self.receive()).tag != tag:
            pass
        return node

    async def ask(self, xmlns: str, kind: str, *content: Node) -> Node:
        """Send a request and return its answer. Raises as `receive` does."""
        ident = secrets.token_hex(4)
        attrs: Attrs = {"id": ident, "xmlns": xmlns, "type": kind, "to": SERVER}
        self.send(Node("iq", attrs, content or None))
        while (node := await self.receive()).text("id") != ident:
            pass
        return node

    async def qr(self) -> str:
        """Return the text of a code that a phone can scan, on a connection that registers."""
        offer = await self.expect("iq")
        self.send(Node("iq", {"to": SERVER, "id": offer.text("id"), "type": "result"}))
        ref = offer.children[0].children[0].data.decode()
        keys = (self.noise.public, self.identity.public, self.secret)
        return ",".join([ref, *(base64.b64encode(key).decode() for key in keys), "1"])

    async def sign(self) -> None:
        """Answer the phone that has scanned. Raises as `receive` does, and AssertionError."""
        asked = await self.expect("iq")
        told = asked.children[0]
        sealed = told.child("device-identity")
        device = told.child("device")
        assert sealed is not None
        assert device is not None
        outer = wire.Fields(sealed.data)
        assert hmac.digest(self.secret, outer.raw(1), hashlib.sha256) == outer.raw(2)
        identity = wire.Fields(outer.raw(1))
        message = _DEVICE_PREFIX + identity.raw(1) + self.identity.public + identity.raw(2)
        signature = self.identity.sign(message)
        signed = wire.message([(1, identity.raw(1)), (3, identity.raw(3)), (4, signature)])
        mine = Node("pair-device-sign", {}, (Node("device-identity", {"key-index": "1"}, signed),))
        self.send(Node("iq", {"to": SERVER, "id": asked.text("id"), "type": "result"}, (mine,)))
        self.jid = device.address("jid")

    async def log_in(self) -> None:
        """Dial as the paired device until the server has nothing to say. Raises as `receive`."""
        await self.connect()
        await self.expect("success")
        if self.passive:
            await self.ask("passive", "set", Node("active"))

    async def closed(self) -> None:
        """Wait until the server has closed. Raises TimeoutError."""
        while True:
            try:
                await self.receive()
            except Gone:
                return

    def _open(self) -> _Socket:
        if self._socket is None:
            raise Gone("the client is not connected")
        return self._socket


class _Socket:
    """Frames over a WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._bytes = bytearray()
        self._accepted = False
        self._over = False

    @classmethod
    async def dial(cls, url: str) -> _Socket:
        where = urlsplit(url)
        socket = cls(*await asyncio.open_connection(where.hostname, where.port))
        target = f"{where.path}?{where.query}" if where.query else where.path
        socket._write(Request(host=where.netloc, target=target))
        while not socket._accepted:
            await socket._read()
        return socket

    def send(self, data: bytes) -> None:
        self._write(BytesMessage(data=data))

    async def frame(self) -> bytes:
        while len(self._bytes) < (end := self._end()):
            await self._read()
        data = bytes(self._bytes[_LENGTH_SIZE:end])
        del self._bytes[:end]
        return data

    def _end(self) -> int:
        """Return where the first frame ends, as far as that is known."""
        if len(self._bytes) < _LENGTH_SIZE:
            return _LENGTH_SIZE
        return _LENGTH_SIZE + int.from_bytes(self._bytes[:_LENGTH_SIZE], "big")

    def abort(self) -> None:
        self._writer.transport.abort()

    def _write(self, event: Request | BytesMessage) -> None:
        self._writer.write(self._protocol.send(event))

    async def _read(self) -> None:
        try:
            data = (
                b"" if self._over else await asyncio.wait_for(self._reader.read(65536), _PATIENCE)
            )
        except ConnectionError:
            data = b""
        if not data:
            raise Gone("the server closed its connection")
        self._protocol.receive_data(data)
        for event in self._protocol.events():
            if isinstance(event, BytesMessage):
                self._bytes += event.data
            elif isinstance(event, AcceptConnection):
                self._accepted = True
            elif isinstance(event, Ping):
                self._writer.write(self._protocol.send(event.response()))
            elif isinstance(event, CloseConnection):
                self._writer.write(self._protocol.send(event.response()))
                self._over = True
