"""The server's thread: uvicorn with bounds. It has its port before the first dial."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..bounds import working_on
from ..errors import ConfigError
from ..hints import Hint

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ..page_address import Address

log = logging.getLogger("wa_supervisor")

STOP_BOUND: Final = 1.0
"""Seconds for the server at the end; its thread is left behind if it takes longer."""

MOST_CONNECTIONS: Final = 64
"""Connections at a time; who comes beyond that is answered 503."""

SLOW: Final = 10.0
"""Seconds in which a client must ask for something, or take what it was sent."""

UNHEARD: Final = 20.0
"""Seconds after which a connection is dropped whose other end acknowledges nothing: a machine that
lost its power says no farewell, and what it held, such as a reader's name, must not wait for it."""

_BACKLOG: Final = 64
_LOOK_EVERY: Final = 0.02  # seconds, at the end


class _Impatient(H11Protocol):
    """A connection that is dropped if it is silent at first, or does not read."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            own: socket.socket = transport.get_extra_info("socket")
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNHEARD * 1000))
        self._late = self.loop.call_later(SLOW, self._drop_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._stop_waiting()

    def pause_writing(self) -> None:
        """Begin to wait until it reads."""
        super().pause_writing()
        self._stop_waiting()
        self._late = self.loop.call_later(SLOW, self.transport.abort)

    def resume_writing(self) -> None:
        """Wait no more."""
        super().resume_writing()
        self._stop_waiting()

    def _drop_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()


def bind(address: Address) -> socket.socket:
    """Take the port. Raises ConfigError if another program has it, or it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named: else each answer
    # would wait 40 ms for the acknowledgement of its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{address.host}:{address.port} cannot be listened on for the page: {error.strerror}",
            hint=Hint(first="choose another port, or end what listens there"),
        ) from error
    return listener


class Server:
    """Serves an app on a listening socket, in a thread."""

    def __init__(
        self, app: FastAPI, listener: socket.socket, workers: ThreadPoolExecutor | None
    ) -> None:
        self._workers = workers
        self._listener = listener
        config = uvicorn.Config(
            app,
            http=_Impatient,
            ws="none",
            lifespan="off",
            access_log=False,  # it would log what a link says
            log_config=None,
            log_level="warning",
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)  # in a thread it leaves signals alone
        # A daemon: one that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._serve, daemon=True, name="web")

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    async def stop(self) -> None:
        """Drop all who ask, and wait for the thread's end, no longer than `STOP_BOUND`."""
        self._server.should_exit = True
        end = time.monotonic() + STOP_BOUND
        while self._thread.is_alive() and (left := end - time.monotonic()) > 0:
            self._server.force_exit = left < STOP_BOUND / 2  # who reads slowly is dropped, then
            await asyncio.sleep(_LOOK_EVERY)
        if self._thread.is_alive():
            log.warning("the web page's server does not end; it is left behind")

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception:
            log.exception("the web page is gone; the session goes on")

    async def _run(self) -> None:
        with contextlib.closing(self._listener), working_on(self._workers):
            await self._server.serve(sockets=[self._listener])
