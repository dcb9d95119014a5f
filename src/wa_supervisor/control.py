"""How another program on this machine talks to a running supervisor: a socket beside its files.

One JSON object a line each way: `{"order": "resume"}` is answered by `{"status": {...}}` or by
`{"error": "..."}`, `{"order": "code"}` also by the QR payload or pair code that shows, `{"order":
"json"}` by what `status --json` prints, and `{"order": "health"}` by a line of text: `ready` or
`live`, a space, and how things stand. The socket lies in the session's private directory, so
whoever may read the session's keys may give orders, and nobody else.

An order is over in `EXCHANGE_TIMEOUT`. What takes longer (`Talk`) begins the same way and then has
the connection to itself, for as long as it likes; see `remote`. Both are counted, each on its own,
so that those who listen cannot shut out an operator who wants to stop the session.

Here is what both ends share and the end that asks, which needs no asyncio; the supervisor's end is
`control_server`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import ControlError, NotRunning, StoreError
from .hints import Action, Hint
from .pairing.current import Kind
from .session.shared.secret import Secret
from .status import Status

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from .store import SessionFiles

EXCHANGE_TIMEOUT: Final = 2.0
"""Seconds for one exchange, at either end."""

LONGEST: Final = 512 << 10
"""Bytes of a line to the supervisor; WhatsApp takes 65,536 characters in a message."""

NAME: Final = "control.sock"
"""Of the socket, in the session's directory."""
_LONGEST_REPLY: Final = 1 << 18  # of a detail that quotes a client's last words


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
    [Arguments, "asyncio.StreamReader", "asyncio.StreamWriter"], Awaitable[None]
]
"""Talks with another program until either has enough; that one may hang, lie or be gone."""

Talks: TypeAlias = Mapping[Talk, Conversation]

NO_TALKS: Final[Talks] = {}


class Request(BaseModel):
    """What is asked, in a line."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    order: Order | Talk
    arguments: dict[str, Any] = {}


class Reply(BaseModel):
    """What is answered, in a line."""

    model_config = ConfigDict(frozen=True)

    status: Status | None = None
    code: ShownCode | None = None
    error: str | None = None
    busy: bool = False
    """The same may be asked again, later."""


async def write_line(writer: asyncio.StreamWriter, line: str) -> None:
    """Write a line, and wait until whoever reads has taken most of it."""
    writer.write(line.encode() + b"\n")
    await writer.drain()


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
            reply = Reply.model_validate_json(replies.readline(_LONGEST_REPLY))
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
    said = Request(order=order, arguments=dict(arguments or {})).model_dump_json().encode()
    with address_of(files) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(within)
        try:
            line.connect(address)
            with contextlib.suppress(BrokenPipeError):  # it may turn us away before it listens
                line.sendall(said + b"\n")
        except (FileNotFoundError, ConnectionRefusedError):
            raise _not_running(files) from None
        except OSError as error:
            raise no_answer(files) from error
        yield line


def _not_running(files: SessionFiles) -> NotRunning:
    """Say where the session is to be looked for: here, or where a fleet has it."""
    from .store.fleet_note import hint_for, read_note, says_where  # noqa: PLC0415 - seldom needed

    said, note = f"no supervisor runs for session {files.name!r}", None
    with contextlib.suppress(StoreError):  # whoever begins the session is told
        note = read_note(files)
    if note is None:
        return NotRunning(said, hint=Hint(Action.RUN, session=files.name))
    return NotRunning(f"{said} here: {says_where(files, note)}", hint=hint_for(files))


@contextlib.contextmanager
def address_of(files: SessionFiles) -> Iterator[str]:
    """Say where the socket is, in the 107 bytes that an address may have (unix(7))."""
    if sys.platform != "linux":
        yield str(files.directory / NAME)
        return
    try:
        directory = os.open(files.directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield f"/proc/self/fd/-1/{NAME}"  # nowhere, as connecting will say: a link is not followed
        return
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)
