"""Whether WhatsApp's host can be reached: TCP and TLS, no WebSocket, no login, no account.

It goes the way the client goes, through the same HTTP proxy and with the same authorities. Of a
proxy that speaks something else only its own port is tried.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..shared.endpoint import Endpoint

HOST: Final = "web.whatsapp.com"  # whatsmeow socket/constants.go
PORT: Final = 443

_SECONDS: Final = 5.0
_OK: Final = b" 200 "
_FAILURES: Final = (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError)


async def reachable(endpoint: Endpoint, *, within: float = _SECONDS) -> bool:
    """Tell whether a connection with a trusted certificate can be had now."""
    try:
        async with asyncio.timeout(within):
            await _reach(endpoint)
    except _FAILURES:
        return False
    return True


async def wait_until_back(
    probe: Callable[[], Awaitable[bool]],
    *,
    every: float,
    back: Callable[[], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look every so often; call `back` once the way is open after it was seen shut.

    If it is open at the first look, the network is not what is wrong, and nothing is called.
    """
    if await probe():
        return
    while True:
        await sleep(every)
        if await probe():
            back()
            return


@functools.lru_cache(maxsize=8)
def _trust(ca_file: Path | None, changed: float) -> ssl.SSLContext:
    """Load the authorities: 15 ms of CPU, on the loop, so once for each file and its change."""
    del changed
    return ssl.create_default_context(cafile=ca_file)


async def _reach(endpoint: Endpoint) -> None:
    ca_file = endpoint.ca_file
    trust = _trust(ca_file, 0.0 if ca_file is None else ca_file.stat().st_mtime)
    if endpoint.proxy is None:
        _, writer = await asyncio.open_connection(
            HOST, PORT, ssl=trust, ssl_handshake_timeout=_SECONDS
        )
        writer.transport.abort()
        return
    url = urlsplit(endpoint.proxy.get_secret_value())
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
    try:
        if url.scheme == "http":
            writer.write(_connect(url.username, url.password))
            head = await reader.readuntil(b"\r\n\r\n")
            if _OK not in head.split(b"\r\n", 1)[0]:
                raise ConnectionRefusedError("the proxy refused")
            await writer.start_tls(trust, server_hostname=HOST, ssl_handshake_timeout=_SECONDS)
    finally:
        writer.transport.abort()


def _connect(user: str | None, password: str | None) -> bytes:
    lines = [f"CONNECT {HOST}:{PORT} HTTP/1.1", f"Host: {HOST}:{PORT}"]
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
