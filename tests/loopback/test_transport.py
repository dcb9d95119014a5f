from __future__ import annotations

import asyncio
import ssl
from typing import Self

import pytest

from wa_loopback import LoopbackServer, Observation
from wa_loopback.observations import Dialled, Lost, Violation
from wa_loopback.transport import HOST

CONNECT = f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode()
UPGRADE = (
    f"GET %s HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Raw:
    """A client which speaks as little of the protocol as a test needs."""

    def __init__(self, server: LoopbackServer) -> None:
        self._server = server
        self._port = int(server.endpoint.proxy.rpartition(":")[2])

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def say(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def secured(self) -> None:
        await self.say(CONNECT)
        context = ssl.create_default_context(cafile=str(self._server.endpoint.ca_file))
        await self.writer.start_tls(context, server_hostname=HOST)

    async def closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 5) == b""


async def seen(server: LoopbackServer, kind: type[Observation]) -> None:
    await server.changes.until(
        lambda: next((each for each in server.log if isinstance(each, kind)), None),
        within=5,
        what=kind.__name__,
    )


@pytest.mark.parametrize(
    "request_line",
    ["CONNECT github.com:443", "CONNECT web.whatsapp.com:80", "GET http://web.whatsapp.com/"],
)
async def test_any_target_but_whatsapp_is_refused_and_recorded(
    server: LoopbackServer, request_line: str
) -> None:
    async with Raw(server) as raw:
        answer = await raw.say(f"{request_line} HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert await raw.closed()
    assert [each for each in server.log if isinstance(each, Dialled)] == [
        Dialled(request_line.split(" ")[1], 403)
    ]


async def test_the_proxy_can_be_told_to_fail(server: LoopbackServer) -> None:
    server.proxy_status = 502
    async with Raw(server) as raw:
        assert (await raw.say(CONNECT)).startswith(b"HTTP/1.1 502 ")
        assert await raw.closed()
    server.proxy_status = None
    async with Raw(server) as raw:
        assert (await raw.say(CONNECT)).startswith(b"HTTP/1.1 200 ")


async def test_the_upgrade_can_be_told_to_fail(server: LoopbackServer) -> None:
    server.upgrade_status = 503
    async with Raw(server) as raw:
        await raw.secured()
        assert (await raw.say((UPGRADE % "/ws/chat").encode())).startswith(b"HTTP/1.1 503 ")


async def test_the_certificate_is_good_for_whatsapp_and_the_upgrade_succeeds(
    server: LoopbackServer,
) -> None:
    async with Raw(server) as raw:
        await raw.secured()
        assert (await raw.say((UPGRADE % "/ws/chat").encode())).startswith(b"HTTP/1.1 101 ")


async def test_another_path_is_not_found(server: LoopbackServer) -> None:
    async with Raw(server) as raw:
        await raw.secured()
        assert (await raw.say((UPGRADE % "/").encode())).startswith(b"HTTP/1.1 404 ")


async def test_garbage_is_a_violation(server: LoopbackServer) -> None:
    async with Raw(server) as raw:
        raw.writer.write(b"\x16\x03\x01\r\n\r\n")
        assert await raw.closed()
    await seen(server, Violation)


async def test_a_client_which_leaves_early_is_lost_not_an_error(server: LoopbackServer) -> None:
    async with Raw(server) as raw:
        raw.writer.write_eof()
        assert await raw.closed()
    await seen(server, Lost)


async def test_a_failed_tls_handshake_is_lost_not_an_error(server: LoopbackServer) -> None:
    async with Raw(server) as raw:
        await raw.say(CONNECT)
        raw.writer.write(b"this is not a TLS record")
        await raw.reader.read()
    await seen(server, Lost)


@pytest.mark.parametrize("step", ["connect", "tls"])
async def test_a_stalled_step_never_answers(server: LoopbackServer, step: str) -> None:
    server.stall(step)
    async with Raw(server) as raw:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(raw.secured(), 0.3)
    await seen(server, Lost)
