"""A small HTTP server for JSON, on `h11`, which the WebSocket's `wsproto` brings along.

One request a connection. It answers nobody but programs: what a web page sends has an `Origin`, or
names another host than this machine's, and is refused, so that no page can command the server.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import h11

_MOST_BYTES = 2**20  # of a request's body
_SECONDS = 10.0  # in which a request must have come
_CHUNK = 65536


class Refused(Exception):
    """Raised when a request cannot be done; becomes its answer."""

    def __init__(self, status: HTTPStatus, error: str, hint: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error} | ({"hint": hint} if hint else {})


@dataclass(frozen=True)
class Ask:
    """A request: what is asked for, and with what."""

    method: str
    path: str
    fields: dict[str, Any]
    """The JSON object in its body, or what its query says."""


Stream: TypeAlias = AsyncIterator[str]
"""Server-sent events, without end."""
Answerer: TypeAlias = Callable[[Ask], Awaitable[object]]
"""Returns what becomes JSON, or a stream; raises `Refused`."""


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answerer: Answerer,
    *,
    any_host: bool,
) -> None:
    """Answer one request, whatever becomes of the client."""
    try:
        await _serve(reader, writer, answerer, any_host=any_host)
    except (OSError, h11.ProtocolError):
        pass  # the client is gone
    finally:
        writer.close()


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answerer: Answerer,
    *,
    any_host: bool,
) -> None:
    connection = h11.Connection(h11.SERVER)
    try:
        async with asyncio.timeout(_SECONDS):
            ask = await _read(connection, reader, any_host=any_host)
        found = await answerer(ask)
    except Refused as refused:
        await _answer(connection, writer, refused.status, refused.body)
    except (TimeoutError, h11.RemoteProtocolError, UnicodeDecodeError):
        body = {"error": "this is no HTTP request"}
        await _answer(connection, writer, HTTPStatus.BAD_REQUEST, body)
    else:
        if isinstance(found, AsyncIterator):
            await _stream(connection, reader, writer, found)
        else:
            await _answer(connection, writer, HTTPStatus.OK, found)


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, *, any_host: bool) -> Ask:
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MOST_BYTES:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is over 1 MiB")
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            break
        else:
            raise h11.RemoteProtocolError("the client left before its request was whole")
    _not_a_page(request, any_host=any_host)
    target = urlsplit(request.target.decode("ascii"))
    fields = _object(bytes(body)) if body else dict(parse_qsl(target.query))
    return Ask(request.method.decode("ascii"), target.path, fields)


def _not_a_page(request: h11.Request, *, any_host: bool) -> None:
    """Refuse what a browser sends on behalf of a page, also one that has bent its own name here."""
    headers = dict(request.headers)
    if b"origin" in headers:
        raise Refused(HTTPStatus.FORBIDDEN, "web pages may not command this server")
    host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
    if not any_host and host != "localhost" and not _is_loopback(host):
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"the host {host!r} is not this machine",
            "ask for 127.0.0.1, or start with --reachable",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    return found


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


async def _answer(
    connection: h11.Connection, writer: asyncio.StreamWriter, status: HTTPStatus, body: object
) -> None:
    data = json.dumps(body).encode() + b"\n"
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(data))),
        ("connection", "close"),
    ]
    for event in (
        h11.Response(status_code=status.value, headers=headers, reason=status.phrase),
        h11.Data(data=data),
        h11.EndOfMessage(),
    ):
        writer.write(connection.send(event) or b"")
    await writer.drain()


async def _stream(
    connection: h11.Connection,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    events: Stream,
) -> None:
    """Write events until the client is gone."""
    headers = [("content-type", "text/event-stream"), ("cache-control", "no-store")]
    writer.write(connection.send(h11.Response(status_code=200, headers=headers)) or b"")

    async def write() -> None:
        async for event in events:
            writer.write(connection.send(h11.Data(data=f"data: {event}\n\n".encode())) or b"")
            await writer.drain()

    writing = asyncio.ensure_future(write())
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writing, leaving):
            task.cancel()
