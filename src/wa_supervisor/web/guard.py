"""What every request must pass, and what every answer carries: pure ASGI, before any route."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    from ..page_address import Address

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]

LARGEST_BODY: Final = 512 << 10
"""Bytes of a request; WhatsApp takes 65,536 characters in a message."""

BODY_BOUND: Final = 10.0
"""Seconds between two pieces of a request's body."""

PROBES: Final = frozenset({"/livez", "/readyz"})
"""What Kubernetes asks by the pod's address; the answer names a state and a reason."""

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_HEADERS: Final = (
    (b"content-security-policy", CSP.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Answers nobody who asks under a foreign name or from a foreign page."""

    def __init__(self, app: App, address: Address) -> None:
        self._app = app
        self._hosts = frozenset(each.encode() for each in address.hosts)
        self._origins = frozenset(each.encode() for each in address.origins)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Check a request, and hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        send = _hardened(send)
        if (refusal := self._refusal(scope, headers)) is not None:
            await _plain(send, *refusal)
            return
        await self._app(scope, _bounded(receive), send)

    def _refusal(self, scope: Message, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if scope["path"] not in PROBES and headers.get(b"host", b"").lower() not in self._hosts:
            return 421, "this name is not ours: ask under the address that `run --web` prints"
        if scope["method"] in _READS:
            return None
        origin = headers.get(b"origin")
        if origin is not None:
            foreign = origin.lower() not in self._origins
        else:  # no browser leaves it out; a program with a token does
            foreign = b"cookie" in headers
        return (403, "this came from another page") if foreign else None


def _hardened(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in _HEADERS}
            others = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
            message["headers"] = [*others, *_HEADERS]
        await send(message)

    return sending


def _bounded(receive: Receive) -> Receive:
    seen, whole = 0, False

    async def receiving() -> Message:
        nonlocal seen, whole
        if whole:
            return await receive()  # until it disconnects, which may take as long as it likes
        try:
            async with asyncio.timeout(BODY_BOUND):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the request took too long") from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > LARGEST_BODY:
            raise HTTPException(413, "the request is too large")
        return message

    return receiving


async def _plain(send: Send, status: int, text: str) -> None:
    body = f"{text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
