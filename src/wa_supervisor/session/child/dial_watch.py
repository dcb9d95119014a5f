"""Notices a dial that makes one connection after the other without an end.

The library that opens whatsmeow's WebSocket follows redirects without a limit (coder/websocket
dial.go replaces the limit of Go's HTTP client): a server or a proxy that redirects the upgrade to
itself was dialled 2,630 times in 8 s, within what we count as one dial. There is no event and no
line in a log; what can be seen are the sockets of this process.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 30
"""Connections to one address within the window. Redials of whatsmeow are 2, 4, 6 ... s apart."""
WINDOW: Final = 10.0

_FAST_SECONDS: Final = 0.02
_SLOW_SECONDS: Final = 0.25
_FAST_FOR: Final = 2.0

_LIBC: Final = ctypes.CDLL(None)
_SO_DOMAIN: Final = 39  # linux/asm-generic/socket.h
_ADDRESS_SIZE: Final = 128  # sockaddr_storage
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})


class DialWatch:
    """Looks at the sockets of this process while a dial may be under way. On Linux only.

    `excessive` is called once, on a thread of the watch.
    """

    def __init__(self, excessive: Callable[[], None]) -> None:
        self._excessive = excessive
        self._dialling = threading.Event()
        self._since = 0.0
        if sys.platform == "linux":
            threading.Thread(target=self._look, daemon=True, name="dial-watch").start()

    def begin(self) -> None:
        """Look from now on: a dial begins, or whatsmeow will redial."""
        self._since = time.monotonic()
        self._dialling.set()

    def end(self) -> None:
        """Look no more: the dial has come to something."""
        self._dialling.clear()

    def _look(self) -> None:
        seen: deque[tuple[float, str, bytes]] = deque()
        while True:
            self._dialling.wait()
            now = time.monotonic()
            while seen and seen[0][0] < now - WINDOW:
                seen.popleft()
            known = {name for _, name, _ in seen}
            seen.extend((now, name, peer) for name, peer in _connections() if name not in known)
            if max(Counter(peer for *_, peer in seen).values(), default=0) > LIMIT:
                self._excessive()
                return
            fast = now - self._since < _FAST_FOR
            time.sleep(_FAST_SECONDS if fast else _SLOW_SECONDS)


def _connections() -> Iterator[tuple[str, bytes]]:
    """Name each TCP connection of this process, and its peer's address."""
    with suppress(OSError):
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - 50 times a second
            with suppress(OSError):
                name = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
                if name.startswith("socket:") and (peer := _peer(int(number))) is not None:
                    yield name, peer


def _peer(descriptor: int) -> bytes | None:
    """Return a TCP socket's peer; the socket stays Go's, which may close it meanwhile."""
    if _option(descriptor, _SO_DOMAIN) not in _INTERNET:
        return None
    if _option(descriptor, socket.SO_TYPE) != socket.SOCK_STREAM:
        return None
    address = ctypes.create_string_buffer(_ADDRESS_SIZE)
    size = ctypes.c_uint(_ADDRESS_SIZE)
    if _LIBC.getpeername(descriptor, address, ctypes.byref(size)) != 0:
        return None
    return address.raw[: size.value]


def _option(descriptor: int, name: int) -> int | None:
    value, size = ctypes.c_int(), ctypes.c_uint(ctypes.sizeof(ctypes.c_int))
    found = _LIBC.getsockopt(
        descriptor, socket.SOL_SOCKET, name, ctypes.byref(value), ctypes.byref(size)
    )
    return value.value if found == 0 else None
