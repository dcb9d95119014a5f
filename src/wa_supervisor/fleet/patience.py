"""A second way to Postgres that answers only once there is a Postgres to answer.

whatsmeow acknowledges a message that it could not decrypt, also if only because its tables could
not be reached: while Postgres refused connections for 4 s, 42 of 90 messages were lost. A client
that waits acknowledges nothing. So a session's URL names this way after the real one (Go's driver
takes several hosts): it takes the connection, and hands it on when Postgres is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

AGAIN: Final = 0.1
"""Seconds between two looks whether Postgres is back."""
WAIT_SECONDS: Final = 3.0
"""For one of them."""
_CLOSE_SECONDS: Final = 0.5
_LOCAL: Final = "127.0.0.1"
_PORT: Final = "5432"
_CHUNK: Final = 1 << 16
_STARTING: Final = b"57P03"
"""The code with which Postgres refuses who comes while it starts (cannot_connect_now)."""

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class PatientWay:
    """A listener on this machine alone, for as long as its context lasts.

    What it hands on it does not read, but for whether Postgres is still starting; a password is
    asked for by Postgres, here as there. Over TLS it is asked for the certificate of Postgres: with
    `sslmode=verify-full` a client refuses this way, and is no worse off than without.
    """

    url: SecretStr
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, _LOCAL)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cut what goes this way."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=1.0)

    def after(self, url: SecretStr) -> SecretStr:
        """Return a URL that tries the hosts of `url` first; unchanged if it has several."""
        host, port = _target(url)
        if self._server is None or "," in host:
            return url
        own = self._server.sockets[0].getsockname()[1]
        parts = urlsplit(url.get_secret_value())
        user, at, _ = parts.netloc.rpartition("@")
        given = parse_qsl(parts.query, keep_blank_values=True)
        query = [(name, value) for name, value in given if name not in {"host", "port"}]
        query += [("host", f"{host},{_LOCAL}"), ("port", f"{port},{own}")]
        made = parts._replace(netloc=f"{user}{at}", query=urlencode(query, quote_via=quote))
        return SecretStr(urlunsplit(made))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # who comes this way dials again
        finally:
            await _close(writer)
            self._open.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(_CHUNK)
        while first and not reader.at_eof():
            reached = await self._reach(first)
            if reached is None:
                await asyncio.sleep(AGAIN)
                continue
            (there, back), answer = reached
            try:
                writer.write(answer)
                await _both(_copy(reader, back), _copy(there, writer))
            finally:
                await _close(back)
            return

    async def _reach(self, first: bytes) -> tuple[_Streams, bytes] | None:
        """Say the client's first words to Postgres; None if it is not there, or only starting."""
        host, port = _target(self.url)
        back: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                if host.startswith("/"):
                    there, back = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
                else:
                    there, back = await asyncio.open_connection(host, port)
                back.write(first)
                answer = await there.read(_CHUNK)
        except OSError:  # a time-out is one, too
            answer = b""
        if back is not None and answer and _STARTING not in answer:
            return (there, back), answer
        if back is not None:
            await _close(back)
        return None


def _target(url: SecretStr) -> tuple[str, str]:
    """Where a URL leads, as Go's driver and libpq read it."""
    parts = urlsplit(url.get_secret_value())
    query = dict(parse_qsl(parts.query))
    host = query.get("host") or parts.hostname or "localhost"
    return host, query.get("port") or str(parts.port or _PORT)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # a time-out is one, too
        await asyncio.wait_for(writer.wait_closed(), _CLOSE_SECONDS)


async def _both(*ways: Coroutine[None, None, None]) -> None:
    """Go on until one of them has ended."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
