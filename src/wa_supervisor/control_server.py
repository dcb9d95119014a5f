"""The supervisor's end of the control socket, see `control`: who connects is answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from . import looks
from .control import (
    EXCHANGE_TIMEOUT,
    LONGEST,
    NAME,
    NO_TALKS,
    Order,
    Orders,
    Reply,
    Request,
    Talk,
    Talks,
    address_of,
    write_line,
)
from .health import LIVE, READY
from .redaction import printable
from .session.shared.secret import ON_THE_WIRE
from .status import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .store import SessionFiles

    _Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

log = logging.getLogger(__name__)

MOST_CONNECTIONS: Final = 8
"""Exchanges at a time; who comes beyond that is turned away. Each holds a descriptor."""

MOST_TALKS: Final = 32
"""Conversations at a time, beside those exchanges."""

LOOK_EVERY: Final = 30.0
"""Seconds between two looks whether the socket is still there."""

_LONGEST_ORDER: Final = 4096  # bytes; what begins a conversation may have a text in it
_CLOSING: Final = 1.0  # seconds for the conversations at the end


_NONE: Final = Reply(error=f"an order is one of: {', '.join((*Order, *Talk))}")
_TOO_MANY: Final = Reply(error="too many others are asking; try again", busy=True)


class _Desk:
    """Answers those who connect, so many at a time."""

    def __init__(self, orders: Orders, status: Callable[[], Status], talks: Talks) -> None:
        self._orders = orders
        self._status = status
        self._talks = talks
        self._connections = 0
        self._talking: set[asyncio.Future[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, and close it."""
        request = None
        try:
            # ValueError: a line of more than `LONGEST` bytes. The others: whoever asked is gone.
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                request = await self._exchange(reader, writer)
            if request is not None:
                await self._talk(request, reader, writer)
        finally:
            _close(writer)

    async def aclose(self) -> None:
        """End the conversations."""
        for task in self._talking:
            task.cancel()
        if self._talking:
            await asyncio.wait(self._talking, timeout=_CLOSING)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Request | None:
        """Obey an order, or return what a conversation is begun with."""
        self._connections += 1
        try:
            async with asyncio.timeout(EXCHANGE_TIMEOUT):
                busy = self._connections > MOST_CONNECTIONS
                answer = _line(_TOO_MANY) if busy else self._obey(await reader.readline())
                if isinstance(answer, Request):
                    return answer
                await write_line(writer, answer)
        finally:
            self._connections -= 1
        return None

    def _obey(self, line: bytes) -> str | Request:
        try:
            request = Request.model_validate_json(line)
        except ValidationError:
            return _line(_NONE)
        if isinstance(request.order, Talk):
            if request.order not in self._talks:
                return _line(Reply(error="this session has no inbox: `inbox.enabled` is off"))
            return request if len(self._talking) < MOST_TALKS else _line(_TOO_MANY)
        if len(line) > _LONGEST_ORDER:
            return _line(_NONE)
        if request.order in {Order.HEALTH, Order.JSON}:
            return self._in_a_line(as_json=request.order is Order.JSON)
        code = None if request.order is Order.STATUS else self._orders[request.order]()
        return _line(Reply(status=self._status(), code=code))

    def _in_a_line(self, *, as_json: bool) -> str:
        found = self._status()
        if as_json:
            return found.model_dump_json()
        return f"{READY if found.is_ready else LIVE} {printable(found.summary)}"

    async def _talk(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Have a conversation, in a task of its own that may be cancelled.

        asyncio's streams log it as an error when the connection's own task is, before Python 3.12.
        """
        talk = self._talks[Talk(request.order)](request.arguments, reader, writer)
        task = asyncio.ensure_future(talk)
        self._talking.add(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            self._talking.discard(task)
        if not task.cancelled():
            with contextlib.suppress(OSError, TimeoutError):  # whoever talked is gone, or hangs
                task.result()


def _close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, also if whoever is there never reads what is left for it.

    asyncio keeps the socket and what is to be written until then.
    """
    writer.close()
    if writer.transport.get_write_buffer_size():
        asyncio.get_running_loop().call_later(EXCHANGE_TIMEOUT, writer.transport.abort)


def _line(reply: Reply) -> str:
    return reply.model_dump_json(context=ON_THE_WIRE)


@contextlib.asynccontextmanager
async def listening(
    files: SessionFiles, orders: Orders, status: Callable[[], Status], talks: Talks = NO_TALKS
) -> AsyncIterator[None]:
    """Take orders for as long as this lasts. To be called with the session's lock held.

    Where no socket can be made (some network file systems) a warning is logged instead: a session
    that cannot be given orders is better than none.
    """
    desk = _Desk(orders, status, talks)
    answer = desk.answer
    with address_of(files) as address:
        try:
            listener = _bind(address)
        except OSError as error:
            log.warning("orders cannot be taken: %s: %s", NAME, error.strerror)
            yield
            return
        # It serves only from within the `try`: a cancellation meanwhile must not leave it open.
        server = await asyncio.start_unix_server(
            answer, sock=listener, limit=LONGEST, start_serving=False
        )
        serving = [server]
        watching = asyncio.create_task(_keep_there(address, serving, answer))
        try:
            await server.start_serving()
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            serving[0].close()
            await desk.aclose()
            _unlink(address)


async def _keep_there(address: str, serving: list[asyncio.Server], answer: _Answer) -> None:
    """Make the socket anew if somebody deletes it: a supervisor that runs must be found."""
    while True:
        await asyncio.sleep(looks.interval(LOOK_EVERY))
        if _is_there(address):
            continue
        try:
            listener = _bind(address)
        except OSError:
            continue  # its directory is gone, too
        serving[0].close()
        serving[0] = await asyncio.start_unix_server(answer, sock=listener, limit=LONGEST)
        log.warning("%s was deleted; it was made anew", NAME)


def _is_there(address: str) -> bool:
    return os.path.lexists(address)


def _bind(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _unlink(address)  # left by a supervisor that was killed: we hold the lock
        listener.bind(address)
        Path(address).chmod(0o600)
    except OSError:
        listener.close()
        raise
    return listener


def _unlink(address: str) -> None:
    Path(address).unlink(missing_ok=True)
