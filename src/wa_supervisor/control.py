"""How another program on this machine talks to a running supervisor: a socket beside its files.

One JSON object a line each way: `{"order": "resume"}` is answered by `{"status": {...}}` or by
`{"error": "..."}`, `{"order": "code"}` also by the QR payload or pair code that shows, `{"order":
"json"}` by what `status --json` prints, and `{"order": "health"}` by a line of text: `ready` or
`live`, a space, and how things stand. The socket lies in the session's private directory, so
whoever may read the session's keys may give orders, and nobody else.

An order is over in `EXCHANGE_TIMEOUT`. What takes longer (`Talk`) begins the same way and then has
the connection to itself, for as long as it likes; see `remote`. Both are counted, each on its own,
so that those who listen cannot shut out an operator who wants to stop the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from . import looks
from .errors import ControlError, NotRunning
from .health import LIVE, READY
from .hints import Action, Hint
from .pairing.current import Kind
from .redaction import printable
from .session.shared.secret import ON_THE_WIRE, Secret
from .status import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .store import SessionFiles

    _Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

log = logging.getLogger(__name__)

EXCHANGE_TIMEOUT: Final = 2.0
"""Seconds for one exchange, at either end."""

MOST_CONNECTIONS: Final = 8
"""Exchanges at a time; who comes beyond that is turned away. Each holds a descriptor."""

MOST_TALKS: Final = 32
"""Conversations at a time, beside those exchanges."""

LONGEST: Final = 512 << 10
"""Bytes of a line to the supervisor; WhatsApp takes 65,536 characters in a message."""

LOOK_EVERY: Final = 30.0
"""Seconds between two looks whether the socket is still there."""

_NAME: Final = "control.sock"
_LONGEST_REPLY: Final = 1 << 18  # of a detail that quotes a client's last words
_LONGEST_ORDER: Final = 4096  # bytes; what begins a conversation may have a text in it
_CLOSING: Final = 1.0  # seconds for the conversations at the end


class Order(StrEnum):
    """What may be asked of a running supervisor."""

    STATUS = "status"
    HEALTH = "health"
    """Say in a line of text whether all is well, see `health`: for those who ask for ever."""
    JSON = "json"
    """Say how things stand as `status --json` prints it, so that who asks need not read it."""
    CODE = "code"
    """Hand over the QR payload or pair code that shows, for whoever may read the keys anyway."""
    RESUME = "resume"
    RESTART = "restart"
    RELINK = "relink"
    STOP = "stop"


class Talk(StrEnum):
    """What another program may do through a running supervisor, beyond an order."""

    LISTEN = "listen"
    SEND = "send"
    GATE = "gate"


class ShownCode(BaseModel):
    """The QR payload or pair code that shows now."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    text: Secret
    left: float
    """Seconds until it dies."""


Orders: TypeAlias = Mapping[Order, Callable[[], ShownCode | None]]
"""What is done for each order; CODE is answered by what is returned."""

Arguments: TypeAlias = Mapping[str, Any]
"""What a conversation is begun with."""

Conversation: TypeAlias = Callable[
    [Arguments, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]
]
"""Talks with another program until either has enough; that one may hang, lie or be gone."""

Talks: TypeAlias = Mapping[Talk, Conversation]

NO_TALKS: Final[Talks] = {}


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    order: Order | Talk
    arguments: dict[str, Any] = {}


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: Status | None = None
    code: ShownCode | None = None
    error: str | None = None
    busy: bool = False
    """The same may be asked again, later."""


_NONE: Final = _Reply(error=f"an order is one of: {', '.join((*Order, *Talk))}")
_TOO_MANY: Final = _Reply(error="too many others are asking; try again", busy=True)


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
    ) -> _Request | None:
        """Obey an order, or return what a conversation is begun with."""
        self._connections += 1
        try:
            async with asyncio.timeout(EXCHANGE_TIMEOUT):
                busy = self._connections > MOST_CONNECTIONS
                answer = _line(_TOO_MANY) if busy else self._obey(await reader.readline())
                if isinstance(answer, _Request):
                    return answer
                await write_line(writer, answer)
        finally:
            self._connections -= 1
        return None

    def _obey(self, line: bytes) -> str | _Request:
        try:
            request = _Request.model_validate_json(line)
        except ValidationError:
            return _line(_NONE)
        if isinstance(request.order, Talk):
            if request.order not in self._talks:
                return _line(_Reply(error="this session has no inbox: `inbox.enabled` is off"))
            return request if len(self._talking) < MOST_TALKS else _line(_TOO_MANY)
        if len(line) > _LONGEST_ORDER:
            return _line(_NONE)
        if request.order in {Order.HEALTH, Order.JSON}:
            return self._in_a_line(as_json=request.order is Order.JSON)
        code = None if request.order is Order.STATUS else self._orders[request.order]()
        return _line(_Reply(status=self._status(), code=code))

    def _in_a_line(self, *, as_json: bool) -> str:
        found = self._status()
        if as_json:
            return found.model_dump_json()
        return f"{READY if found.is_ready else LIVE} {printable(found.summary)}"

    async def _talk(
        self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
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


async def write_line(writer: asyncio.StreamWriter, line: str) -> None:
    """Write a line, and wait until whoever reads has taken most of it."""
    writer.write(line.encode() + b"\n")
    await writer.drain()


def _line(reply: _Reply) -> str:
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
    with _address(files) as address:
        try:
            listener = _bind(address)
        except OSError as error:
            log.warning("orders cannot be taken: %s: %s", _NAME, error.strerror)
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
        log.warning("%s was deleted; it was made anew", _NAME)


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


def ask(files: SessionFiles, order: Order, *, within: float = EXCHANGE_TIMEOUT) -> Status:
    """Give an order to the session's running supervisor, and return how things stand.

    The status is of the moment the order was taken, not of when it was carried out. Raises
    NotRunning if no supervisor runs, ControlError if it does not answer `within` so many seconds.
    """
    status, _ = _exchange(files, order, within)
    return status


def ask_code(files: SessionFiles) -> tuple[Status, ShownCode | None]:
    """Ask the session's running supervisor how things stand and which code it shows now, if any.

    Raises as `ask` does.
    """
    return _exchange(files, Order.CODE, EXCHANGE_TIMEOUT)


def _exchange(files: SessionFiles, order: Order, within: float) -> tuple[Status, ShownCode | None]:
    with connected(files, order, within=within) as line, line.makefile("rb") as replies:
        try:
            reply = _Reply.model_validate_json(replies.readline(_LONGEST_REPLY))
        except (OSError, ValidationError) as error:
            raise no_answer(files) from error
    if reply.status is None:
        raise ControlError(f"the supervisor refused the order: {reply.error}")
    return reply.status, reply.code


def no_answer(files: SessionFiles) -> ControlError:
    """Return what to raise where a supervisor says nothing, or nothing that can be read."""
    return ControlError(
        f"the supervisor of session {files.name!r} did not answer",
        hint="its process may be stopped or hang: its log says more",
    )


@contextlib.contextmanager
def connected(
    files: SessionFiles,
    order: Order | Talk,
    arguments: Arguments | None = None,
    *,
    within: float = EXCHANGE_TIMEOUT,
) -> Iterator[socket.socket]:
    """Connect to the session's running supervisor, and begin with this.

    Every call on the socket has `within` seconds, until it is given another bound. Raises
    NotRunning if no supervisor runs, ControlError if it does not take what is said.
    """
    said = _Request(order=order, arguments=dict(arguments or {})).model_dump_json().encode()
    with _address(files) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(within)
        try:
            line.connect(address)
            with contextlib.suppress(BrokenPipeError):  # it may turn us away before it listens
                line.sendall(said + b"\n")
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                f"no supervisor runs for session {files.name!r}",
                hint=Hint(Action.RUN, session=files.name),
            ) from None
        except OSError as error:
            raise no_answer(files) from error
        yield line


@contextlib.contextmanager
def _address(files: SessionFiles) -> Iterator[str]:
    """Say where the socket is, in the 107 bytes that an address may have (unix(7))."""
    if sys.platform != "linux":
        yield str(files.directory / _NAME)
        return
    try:
        directory = os.open(files.directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield f"/proc/self/fd/-1/{_NAME}"  # nowhere, as connecting will say: a link is not followed
        return
    try:
        yield f"/proc/self/fd/{directory}/{_NAME}"
    finally:
        os.close(directory)
