"""An HTTP server on loopback that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Receiver:
    port: int = 0
    codes: list[int] = field(default_factory=list)
    """What the next requests are answered; 204 after that."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    silent: bool = False
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=CANARYTOKEN"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.split("\r\n")
            headers = {}
            for line in filter(None, rest):
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.got.append((first, headers, body))
            if not self.silent:
                code = self.codes.pop(0) if self.codes else 204
                writer.write(f"HTTP/1.1 {code} x\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
                writer.close()


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
        for writer in receiver.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
