"""Downloads and uploads of files over HTTP, as WhatsApp's media servers answer them."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from .errors import Malformed
from .media import HOST, MediaStore
from .observations import MediaRequested
from .world import World

_END_OF_HEADERS = b"\r\n\r\n"
_MOST_BYTES = 100 * 2**20  # of an upload


async def serve(world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the client closes. Raises `Malformed`."""
    while True:
        try:
            head = await reader.readuntil(_END_OF_HEADERS)
            request, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, path, _version = request.split(" ")
            body = await reader.readexactly(_length(lines))
        except asyncio.IncompleteReadError:
            return
        except (asyncio.LimitOverrunError, ValueError):
            raise Malformed("a client did not send an HTTP request for a file") from None
        await asyncio.sleep(world.latency)
        status, answer = _answer(world.media, method, path, body)
        world.record(MediaRequested(method, status.value))
        headers = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: {len(answer)}\r\n\r\n"
        )
        writer.write(headers.encode() + answer)
        await writer.drain()


def _answer(store: MediaStore, method: str, path: str, body: bytes) -> tuple[HTTPStatus, bytes]:
    if store.status is not None:
        return HTTPStatus(store.status), b""
    if method == "POST":
        kept = store.keep(body)
        told = {"url": f"https://{HOST}{kept}", "direct_path": kept}
        return HTTPStatus.OK, json.dumps(told).encode()
    found = store.get(path)
    return (HTTPStatus.NOT_FOUND, b"") if found is None else (HTTPStatus.OK, found)


def _length(lines: list[str]) -> int:
    """Return how long a request's body is. Raises `ValueError`."""
    headers = {name.lower(): value.strip() for name, _, value in (e.partition(":") for e in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _MOST_BYTES:
        raise ValueError(length)
    return length
