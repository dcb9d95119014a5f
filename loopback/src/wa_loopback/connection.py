"""One client's connection, and the controls with which tests mistreat it."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from typing import TYPE_CHECKING, Any

from .answers import RESTART, Failure, StreamError
from .channel import Channel
from .errors import LoopbackTimeout, PeerGone
from .nodes import SERVER, Attrs, Jid, Node
from .noise import Handshaken
from .observations import Kind

if TYPE_CHECKING:
    from .device import Device
    from .paircode import CodePairing

_CLOSING_SECONDS = 5.0  # more than the close frame's own deadline
LINGER_SECONDS = 0.2
"""Time between a last node and the close.

When the close is there already, whatsmeow chooses at random between handling the node and leaving
(`socket/noisesocket.go`, `client.go`: selects over both): 3 of 10 failures 403 were lost so.
"""


class Connection:
    """A client which has said what it came for.

    The controls which end the connection return when the client's side of it is gone, too.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ids = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Node]] = {}
        self._finished = asyncio.Event()
        self._ended_here = False
        self._muted = False
        self._lingering: asyncio.TimerHandle | None = None
        self._restarting: tuple[asyncio.TimerHandle, ...] = ()
        self.linger = LINGER_SECONDS
        """Seconds between a last node and the close; 0 makes the client miss some."""
        login = channel.client.payload.username is not None
        self.kind = Kind.LOGIN if login else Kind.REGISTRATION
        """What the client came for."""
        self.device: Device | None = None
        """The device which logs in, if it is known here, or which was just paired."""
        self.frozen = False
        """Whether it is half-open: the server cannot know whether the client is still there."""
        self.ready = False
        """Whether the login is complete: neonize reports Connected about now."""
        self.refs: tuple[bytes, ...] = ()
        """The references in the QR codes which the client may show."""
        self.code_pairing: CodePairing | None = None
        """The client's request for a pair code."""

    def __repr__(self) -> str:
        state = "open" if self.open else "closed"
        return f"<Connection {self.kind.value} {self.device} {state}>"

    @property
    def client(self) -> Handshaken:
        """Who the client is, by its own words and its Noise key."""
        return self._channel.client

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address and port: clients on several machines are told apart by it."""
        return self._channel.websocket.peer

    @property
    def gone(self) -> bool:
        """Whether the client's side is gone, for this server to see."""
        return self._finished.is_set()

    @property
    def open(self) -> bool:
        """Whether neither side has ended it."""
        return not (self._ended_here or self._finished.is_set())

    @property
    def ended_here(self) -> bool:
        """Whether the server ended it, not the client."""
        return self._ended_here

    def send(self, node: Node) -> None:
        """Send any node; after the end it is lost, as on a network."""
        self._channel.send(node)

    @property
    def keys(self) -> tuple[bytes, bytes | None]:
        """The Noise key and the identity key which the client gave in its handshake."""
        return self.client.client_static, self.client.payload.identity

    def restart(self, *, after: float, closes_after: float) -> None:
        """Send the 515 which ends a pairing, and close if the client has not by then."""
        loop = asyncio.get_running_loop()
        self._restarting = (
            loop.call_later(after, self.send, RESTART.node()),
            loop.call_later(after + closes_after, self._hang_up),
        )

    async def stream_error(
        self, code: str | None = None, *, conflict: str | None = None, close: bool = True
    ) -> None:
        """Send a stream error, such as code 515 or conflict "replaced", and close."""
        await self.finish_with(StreamError(code, conflict, close))

    async def failure(
        self,
        reason: int,
        *,
        code: int | None = None,
        expire: int | None = None,
        message: str | None = None,
        close: bool = True,
    ) -> None:
        """Send a connect failure, as after a login, and close. See `Failure`."""
        await self.finish_with(Failure(reason, code, expire, message, close))

    async def finish_with(self, ending: Failure | StreamError) -> None:
        """Send how the connection ends, and close it if the ending says so."""
        self.end(ending)
        if ending.close:
            await self.wait_closed()

    def end(self, ending: Failure | StreamError) -> None:
        """Send how the connection ends and begin to close it, without waiting for the client."""
        self.send(ending.node())
        if ending.close:
            self._hang_up_later()

    async def xmlstreamend(self) -> None:
        """End the stream as a server does which goes down for maintenance, and close."""
        self.send(Node("xmlstreamend"))
        self._hang_up_later()
        await self.wait_closed()

    async def panic(self) -> None:
        """Make the client's Go code panic, and its process die of SIGABRT.

        whatsmeow asserts that a pair success has an id (`pair.go`); this one has none.
        """
        pair_success = Node("pair-success")
        self.send(Node("iq", {"from": SERVER, "type": "set", "xmlns": "md"}, (pair_success,)))
        await self.wait_closed()

    def mute(self) -> None:
        """Swallow every node and answer none, not even keepalives; the socket stays alive."""
        self._muted = True

    def unmute(self) -> None:
        """Answer again."""
        self._muted = False

    def freeze(self) -> None:
        """Stop reading, as a peer whose network is gone without a word: a half-open connection."""
        self._muted = self.frozen = True
        self._channel.websocket.pause()

    def ask_for_passkey(self) -> None:
        """Ask a client that registers for a passkey (whatsmeow, `pair-passkey.go`)."""
        options = {
            "challenge": "bG9vcGJhY2s",
            "timeout": 60_000,
            "rpId": "whatsapp.com",
            "allowCredentials": [],
            "userVerification": "required",
        }
        asked = Node("passkey_request_options", {}, json.dumps(options).encode())
        attrs: Attrs = {
            "from": SERVER,
            "type": "passkey_prologue_request",
            "id": secrets.token_hex(8),
        }
        self.send(Node("notification", attrs, (asked,)))

    def rotate_secret(self) -> None:
        """Retire the ADV secret in a client's codes (whatsmeow, `notification.go`, `pair.go`).

        The client makes another, and shows its code with that one; codes of before are refused.
        """
        attrs: Attrs = {
            "from": SERVER,
            "type": "companion_reg_refresh",
            "id": secrets.token_hex(8),
        }
        self.send(Node("notification", attrs, (Node("pair-device-rotate-qr"),)))

    def typing(self, who: Jid) -> None:
        """Tell the client that somebody is typing."""
        self.send(Node("chatstate", {"from": who}, (Node("composing"),)))

    async def drop(self) -> None:
        """Cut the connection with a TCP RST."""
        self._ended_here = True
        self._channel.websocket.reset()
        await self.wait_closed()

    async def close(self) -> None:
        """Close the WebSocket cleanly."""
        self._ended_here = True
        self._channel.websocket.close()
        await self.wait_closed()

    def _hang_up_later(self) -> None:
        self._ended_here = True
        loop = asyncio.get_running_loop()
        self._lingering = loop.call_later(self.linger, self._channel.websocket.close)

    def _hang_up(self) -> None:
        self._ended_here = True
        self._channel.websocket.close()

    async def wait_closed(self, *, within: float = _CLOSING_SECONDS) -> None:
        """Wait until the client's side is gone; raises `LoopbackTimeout`."""
        try:
            await asyncio.wait_for(self._finished.wait(), within)
        except TimeoutError:
            raise LoopbackTimeout(f"the client did not close within {within:g} s") from None

    async def ask(self, node: Node, *, within: float) -> Node:
        """Send a request and return the client's answer, which may be an error.

        Raises `PeerGone` when the client closes instead, and `LoopbackTimeout`.
        """
        request_id = f"loopback-{next(self._ids)}"
        answer: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = answer
        self.send(Node(node.tag, {**node.attrs, "id": request_id}, node.content))
        try:
            return await self.outlive(answer, within=within, what=f"the answer to {node!r}")
        finally:
            del self._asked[request_id]

    async def outlive(self, answer: asyncio.Future[Node], *, within: float, what: str) -> Node:
        """Wait for something of the client; raises `PeerGone` and `LoopbackTimeout`."""
        ended = asyncio.ensure_future(self._finished.wait())
        waited: set[asyncio.Future[Any]] = {answer, ended}
        try:
            await asyncio.wait(waited, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if answer.done():
            return answer.result()
        if self._finished.is_set():
            raise PeerGone(f"the client closed its connection before {what}")
        raise LoopbackTimeout(f"{what} did not come within {within:g} s")

    async def receive(self) -> Node | None:
        """Return the client's next request; None at the end. Raises `Malformed`.

        Answers to what was asked go to the asker, and nothing is heard while muted.
        """
        while (node := await self._channel.receive()) is not None:
            if self._muted or self._is_answer(node):
                continue
            return node
        return None

    def finish(self) -> None:
        """Note that the connection is over; called once by whoever reads it."""
        self._channel.websocket.release()
        for timer in (self._lingering, *self._restarting):
            if timer is not None:
                timer.cancel()
        self._finished.set()

    def _is_answer(self, node: Node) -> bool:
        answered = node.tag == "iq" and node.text("type") in {"result", "error"}
        waiting = self._asked.get(node.text("id"))
        if answered and waiting is not None and not waiting.done():
            waiting.set_result(node)
        return answered
