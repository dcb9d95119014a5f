"""The control API: requests of programs, done on a running server."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from importlib.metadata import version

from ..errors import LoopbackError, LoopbackTimeout
from ..listener import Listener
from ..server import LoopbackServer
from . import http
from .desk import Desk
from .fields import checked
from .http import Ask, Refused
from .routes import ROUTES, openapi

_TABLE = {(route.path, route.method): route for route in ROUTES}


class ControlApi:
    """Serves the control API of a server. Raises `NotLoopback` as the server does."""

    def __init__(
        self, server: LoopbackServer, *, host: str, port: int, reachable: bool = False
    ) -> None:
        self._server = server
        self._reachable = reachable
        self._listener = Listener(host, port, self._accepted, reachable=reachable)
        self._tasks: set[asyncio.Task[None]] = set()
        self._bugs: list[Exception] = []

    @property
    def url(self) -> str:
        """Where it is, once it is open."""
        return f"http://{self._listener.address}"

    def open(self) -> None:
        """Listen."""
        self._listener.open()

    async def close(self) -> None:
        """Stop, with all that is being done.

        Raises an `ExceptionGroup` when a request ended in a bug of this server.
        """
        self._listener.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        bugs, self._bugs = self._bugs, []
        if bugs:
            raise ExceptionGroup("requests to the control API failed", bugs)

    async def answer(self, ask: Ask) -> object:
        """Do what is asked. Raises `Refused`."""
        if (ask.path, ask.method) == ("/openapi.json", "GET"):
            return openapi(version("wa-loopback"))
        route = _TABLE.get((ask.path, ask.method))
        if route is None:
            allowed = [method for path, method in _TABLE if path == ask.path]
            if allowed:
                hint = f"use {' or '.join(allowed)}"
                raise Refused(
                    HTTPStatus.METHOD_NOT_ALLOWED, f"{ask.path} knows no {ask.method}", hint
                )
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no {ask.path}", "see GET /openapi.json")
        desk = Desk(self._server, self.url)
        try:
            return await route.handler(desk, checked(route.fields, ask.fields))
        except LoopbackTimeout as late:
            raise Refused(HTTPStatus.GATEWAY_TIMEOUT, str(late)) from late
        except LoopbackError as refused:
            raise Refused(HTTPStatus.CONFLICT, str(refused), refused.hint) from refused
        except ValueError as wrong:
            raise Refused(HTTPStatus.BAD_REQUEST, str(wrong)) from wrong

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = http.serve(reader, writer, self.answer, any_host=self._reachable)
        task = asyncio.get_running_loop().create_task(serving)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failed = None if task.cancelled() else task.exception()
        if isinstance(failed, Exception):
            self._bugs.append(failed)
