"""A listening socket which can be taken away and put back on the same port."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import TypeAlias

from .errors import NotLoopback

_BACKLOG = 128

Accepted: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


class Listener:
    """Accepts on a loopback address. While it is closed, clients get "connection refused".

    A second socket, bound and never listening, keeps the port for us in the meantime.
    Raises `NotLoopback` for an address which other machines could reach, unless `reachable` says
    that they may.
    """

    def __init__(
        self, host: str, port: int, accepted: Accepted, *, reachable: bool = False
    ) -> None:
        self._host = host if reachable else _loopback(host)
        self._port = port
        self._accepted = accepted
        self._keeper: socket.socket | None = None
        self._socket: socket.socket | None = None
        self._joining: set[asyncio.Task[object]] = set()

    @property
    def address(self) -> str:
        """Host and port as they stand in a URL; for "every address", the loopback one."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    @property
    def port(self) -> int:
        """The port, which is chosen by the system at the first `open` if it was 0."""
        return self._port

    @property
    def listening(self) -> bool:
        """Whether it accepts."""
        return self._socket is not None

    def open(self) -> None:
        """Listen, if not listening already."""
        if self._keeper is None:
            self._keeper = self._bound()
            self._port = self._keeper.getsockname()[1]
        if self._socket is None:
            self._socket = self._bound()
            self._socket.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(self._socket, self._accept, self._socket)

    def close(self) -> None:
        """Stop listening; connections which were accepted live on."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def release(self) -> None:
        """Close, and give the port back."""
        self.close()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.settimeout(0)
        bound.bind((self._host, self._port))
        return bound

    def _accept(self, listening: socket.socket) -> None:
        try:
            accepted, _ = listening.accept()
        except OSError:  # the client left before we looked
            return
        accepted.settimeout(0)
        # asyncio does so only if the socket names its protocol; 40 ms an answer without (Nagle).
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(self._protocol, accepted))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._accepted)


def _loopback(host: str) -> str:
    try:
        reachable = not ipaddress.ip_address(host).is_loopback
    except ValueError:
        reachable = True
    if reachable:
        raise NotLoopback(
            f"{host!r} is not a loopback address: this server must not be reachable",
            hint="use 127.0.0.1",
        )
    return host
