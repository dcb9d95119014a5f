"""How another program on this machine talks to a running supervisor: a socket beside its files.

One JSON object a line each way: `{"order": "resume"}` is answered by `{"status": {...}}` or by
`{"error": "..."}`, `{"order": "code"}` also by the QR payload or pair code that shows, and
`{"order": "health"}` by a line of text: `ready` or `live`, a space, and how things stand. The
socket lies in the session's private directory, so whoever may read the session's keys may give
orders, and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import ControlError, NotRunning
from .health import LIVE, READY
from .hints import Action, Hint
from .pairing.current import Kind
from .redaction import printable
from .session.shared.secret import ON_THE_WIRE, Secret
from .status import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from .store import SessionFiles

    _Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

log = logging.getLogger(__name__)

EXCHANGE_TIMEOUT: Final = 2.0
"""Seconds for one exchange, at either end."""

MOST_CONNECTIONS: Final = 8
"""Exchanges at a time; who comes beyond that is turned away. Each holds a descriptor."""

LOOK_EVERY: Final = 5.0
"""Seconds between two looks whether the socket is still there."""

_NAME: Final = "control.sock"
_LONGEST: Final = 4096  # bytes in an order
_LONGEST_REPLY: Final = 1 << 18  # of a detail that quotes a client's last words


class Order(StrEnum):
    """What may be asked of a running supervisor."""

    STATUS = "status"
    HEALTH = "health"
    """Say in a line of text whether all is well, see `health`: for those who ask for ever."""
    CODE = "code"
    """Hand over the QR payload or pair code that shows, for whoever may read the keys anyway."""
    RESUME = "resume"
    RELINK = "relink"
    STOP = "stop"


class ShownCode(BaseModel):
    """The QR payload or pair code that shows now."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    text: Secret
    left: float
    """Seconds until it dies."""


Orders: TypeAlias = Mapping[Order, Callable[[], ShownCode | None]]
"""What is done for each order; CODE is answered by what is returned."""


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    order: Order


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: Status | None = None
    code: ShownCode | None = None
    error: str | None = None


_TOO_MANY: Final = _Reply(error="too many others are asking; try again")


def _line(reply: _Reply) -> bytes:
    return reply.model_dump_json(context=ON_THE_WIRE).encode() + b"\n"


@contextlib.asynccontextmanager
async def listening(
    files: SessionFiles, orders: Orders, status: Callable[[], Status]
) -> AsyncIterator[None]:
    """Take orders for as long as this lasts. To be called with the session's lock held.

    Where no socket can be made (some network file systems) a warning is logged instead: a session
    that cannot be given orders is better than none.
    """
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        # ValueError: a line of more than `_LONGEST` bytes. The others: whoever asked is gone.
        try:
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                async with asyncio.timeout(EXCHANGE_TIMEOUT):
                    busy = connections > MOST_CONNECTIONS
                    writer.write(_line(_TOO_MANY) if busy else _obey(await reader.readline()))
                    await writer.drain()
        finally:
            connections -= 1
            writer.close()

    def _obey(line: bytes) -> bytes:
        try:
            order = _Request.model_validate_json(line).order
        except ValidationError:
            return _line(_Reply(error=f"an order is one of: {', '.join(Order)}"))
        if order is Order.HEALTH:
            found = status()
            word = READY if found.is_ready else LIVE
            return f"{word} {printable(found.summary)}\n".encode()
        code = None if order is Order.STATUS else orders[order]()
        return _line(_Reply(status=status(), code=code))

    with _address(files) as address:
        try:
            listener = _bind(address)
        except OSError as error:
            log.warning("orders cannot be taken: %s: %s", _NAME, error.strerror)
            yield
            return
        # It serves only from within the `try`: a cancellation meanwhile must not leave it open.
        server = await asyncio.start_unix_server(
            answer, sock=listener, limit=_LONGEST, start_serving=False
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
            _unlink(address)


async def _keep_there(address: str, serving: list[asyncio.Server], answer: _Answer) -> None:
    """Make the socket anew if somebody deletes it: a supervisor that runs must be found."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if _is_there(address):
            continue
        try:
            listener = _bind(address)
        except OSError:
            continue  # its directory is gone, too
        serving[0].close()
        serving[0] = await asyncio.start_unix_server(answer, sock=listener, limit=_LONGEST)
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
    with _address(files) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(within)
        try:
            line.connect(address)
            with contextlib.suppress(BrokenPipeError):  # it may turn us away before it listens
                line.sendall(_Request(order=order).model_dump_json().encode() + b"\n")
            with line.makefile("rb") as replies:
                reply = _Reply.model_validate_json(replies.readline(_LONGEST_REPLY))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                f"no supervisor runs for session {files.name!r}",
                hint=Hint(Action.RUN, session=files.name),
            ) from None
        except (OSError, ValidationError) as error:
            raise ControlError(
                f"the supervisor of session {files.name!r} did not answer",
                hint="its process may be stopped or hang: its log says more",
            ) from error
    if reply.status is None:
        raise ControlError(f"the supervisor refused the order: {reply.error}")
    return reply.status, reply.code


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
