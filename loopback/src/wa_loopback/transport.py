"""From an accepted TCP connection to a WebSocket: CONNECT proxy, TLS, upgrade.

The client dials through us as its HTTP proxy, so nothing of it ever leaves the machine: any target
but WhatsApp's and the media server's is refused and recorded.
"""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import NoReturn

from . import media
from .errors import Malformed, PeerGone
from .observations import Dialled
from .websocket import CHUNK, WebSocket
from .world import Step, World

HOST = "web.whatsapp.com"
_TARGETS = {f"{host}:443": host for host in (HOST, media.HOST)}
_END_OF_HEADERS = b"\r\n\r\n"
_TLS_SECONDS = 20.0
_SERVICE_WORKER = b"GET /sw.js "
_WORKER = b'self.__swData=JSON.parse("{\\"client_revision\\":1047769893}");'
_REVISION = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
    len(_WORKER),
    _WORKER,
)
"""Where clients read which version of WhatsApp Web there is, before they dial."""


async def accept(
    world: World,
    tls: ssl.SSLContext,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> str:
    """Take a client through the proxy and TLS; return the host that it wanted.

    Raises `PeerGone` when the client left or was sent away, `Malformed` when it does not speak
    HTTP, and what TLS and the socket raise.
    """
    host = await _connect(world, reader, writer)
    if world.stalled is Step.TLS:
        await _hang(reader)
    await writer.start_tls(tls, ssl_handshake_timeout=_TLS_SECONDS)
    return host


async def upgrade(
    world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> WebSocket:
    """Take a client to its WebSocket. Raises `PeerGone` when it left or was sent away."""
    head = await _head(reader)
    if head.startswith(_SERVICE_WORKER):
        writer.write(_REVISION)
        raise PeerGone("the client wanted to know the version of WhatsApp Web")
    websocket = WebSocket(reader, writer, head)
    request = await websocket.requested()
    if world.stalled is Step.UPGRADE:
        await _hang(reader)
    await asyncio.sleep(world.latency)
    websocket.answer(request, world.upgrade_status)
    return websocket


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(_END_OF_HEADERS)
    except asyncio.IncompleteReadError:
        raise PeerGone("the client closed before it asked for a WebSocket") from None
    except asyncio.LimitOverrunError:
        raise Malformed("the client did not send an HTTP request") from None


async def _connect(world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    try:
        head = await reader.readuntil(_END_OF_HEADERS)
        method, target, _version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    except asyncio.IncompleteReadError:
        raise PeerGone("the client closed before it named a target") from None
    except (asyncio.LimitOverrunError, ValueError):
        raise Malformed("the client did not send an HTTP request") from None
    if method != "CONNECT" or target not in _TARGETS:
        status = HTTPStatus.FORBIDDEN
    elif world.stalled is Step.CONNECT:
        world.record(Dialled(target, None))
        await _hang(reader)
    else:
        status = HTTPStatus(world.proxy_status or HTTPStatus.OK)
    world.record(Dialled(target, status))
    await asyncio.sleep(world.latency)
    writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n\r\n".encode())
    if status is not HTTPStatus.OK:
        raise PeerGone(f"the proxy answered {status.value}")
    return _TARGETS[target]


async def _hang(reader: asyncio.StreamReader) -> NoReturn:
    """Swallow everything until the client gives up."""
    while await reader.read(CHUNK):
        pass
    raise PeerGone("the client gave up waiting")
