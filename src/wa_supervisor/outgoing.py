"""What a session sends: each message once for its key, and never twice after an unknown end."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from .errors import Hopeless, Misused, WaitTimeout
from .lifecycle import State
from .messages.errors import (
    SEND_ERRORS,
    ClientGone,
    NotConnected,
    NotPaired,
    Refused,
    Restricted,
    SendError,
)
from .messages.outbox import Outbox, Sent, fingerprint
from .session.shared.secret import MAX_LONG_SECRET
from .texts import check_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .account import Account
    from .messages.send_rows import Sends
    from .seams import Link
    from .session.shared.protocol import Work
    from .status import Status

log = logging.getLogger("wa_supervisor")

AT_A_TIME: Final = 16
"""Requests under way in the session process; each has a thread there."""


class Outgoing:
    """The sending side of one run. For the supervisor's loop."""

    def __init__(
        self,
        path: Path | None,
        *,
        sends: Sends | None = None,
        status: Callable[[], Status],
        is_online: Callable[[], bool],
        connected: Callable[..., Awaitable[Status]],
    ) -> None:
        self.restricted_at: datetime | None = None
        """When WhatsApp last refused a message to a new contact (463)."""
        self._path = path
        self._sends = sends
        self._status = status
        self._is_online = is_online
        self._connected = connected
        self._account: Account | None = None
        self._link: Link | None = None
        self._outbox: Outbox | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_A_TIME)

    def use(self, link: Link) -> None:
        """Send by this link's session process from now on."""
        self._link = link

    def belong_to(self, account: Account) -> None:
        """Send for this account: what one before it has sent is no other's."""
        self._account = account
        account.set_aside.append(self._set_aside)

    async def _set_aside(self, _generation: int, target: Path) -> None:
        async with self._opening:
            outbox, self._outbox = self._outbox, None
            if outbox is not None:
                await outbox.aclose()
            if self._sends is not None:
                await asyncio.to_thread(self._sends.set_aside, target)
            elif self._path is not None:
                await asyncio.to_thread(_move, self._path, target)

    async def _be_ours(self, changes: int, within: float) -> None:
        """See that the account is the one for which a message was meant, as soon as it is known."""
        account = self._account
        if account is None:
            return
        try:
            async with asyncio.timeout(within):
                await account.settled()
        except TimeoutError:
            raise _not_connected(self._status()) from None
        if account.changes != changes:
            raise NotPaired(
                "the session was linked to another account before the message could be sent"
            )

    @property
    def is_idle(self) -> bool:
        """Whether the outbox is not at work. For tests."""
        return not self._opening.locked() and (self._outbox is None or self._outbox.is_idle)

    async def aclose(self) -> None:
        """Close the outbox: what is on its way is unknown from now on."""
        self._link = None
        async with self._opening:
            if self._outbox is not None:
                await self._outbox.aclose()

    async def send(
        self, what: Work, arguments: dict[str, Any], *, key: str | None, wait: bool, within: float
    ) -> Sent:
        """Send a message unless its key has a result already; return or raise that result.

        Without a key nothing is kept of it: nobody could ask for its result again. With `wait` a
        session that is not connected is waited for. Raises SendError, OutboxError, and Misused for
        what could not be handed over.
        """
        if key is not None:
            check_name(key, "an idempotency key")
        if not within > 0:  # nor if it is no number: it would be dispatched, and then be unknown
            raise Misused("a timeout is more than 0 seconds")
        mark = fingerprint(what, _said(arguments))
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        changes = self._account.changes if self._account is not None else 0
        if self._account is not None and not self._account.is_settled:
            await self._be_ours(changes, within if wait else 0.0)
        outbox = await self._open()
        if not self._is_online() and not (outbox and key and await outbox.state(key)):
            await self._be_connected(within if wait else 0.0)
        await self._be_ours(changes, max(0.0, end - loop.time()))

        async def dispatch() -> Sent:
            answers = await self.request(what, arguments, within=max(0.0, end - loop.time()))
            return Sent(answers[0], datetime.fromtimestamp(_seconds(int(answers[1])), UTC))

        if outbox is None or key is None:
            return await dispatch()
        return await outbox.send(key, mark, dispatch)

    async def request(
        self, what: Work, arguments: dict[str, Any], *, within: float
    ) -> tuple[str, ...]:
        """Have something done with the client and return its answers. Raises SendError, Misused."""
        if self._link is None:
            raise Misused("messages are sent within the session's context")
        said = SecretStr(_said(arguments))
        async with self._slots:
            answer = await self._link.request(what, said, within=within)
        if answer.problem:
            raise self._noted(SEND_ERRORS.get(answer.code, Refused)(answer.problem))
        return tuple(each.get_secret_value() for each in answer.answers)

    def _noted(self, error: SendError) -> SendError:
        """Take note of what an operator should see."""
        if isinstance(error, Restricted):
            if self.restricted_at is None:
                log.warning("%s", error)
            self.restricted_at = datetime.now(UTC)
        if isinstance(error, NotConnected | ClientGone):
            return _not_connected(self._status())
        return error

    async def _open(self) -> Outbox | None:
        if self._link is None:
            raise Misused("messages are sent within the session's context")
        async with self._opening:
            if self._outbox is None and self._sends is not None:
                self._outbox = await Outbox.on(self._sends.open)
            elif self._outbox is None and self._path is not None:
                self._outbox = await Outbox.open(self._path)
            return self._outbox

    async def _be_connected(self, within: float) -> None:
        try:
            await self._connected(timeout=within)
        except (Hopeless, WaitTimeout):
            raise _not_connected(self._status()) from None


def _not_connected(status: Status) -> SendError:
    where, why = status.state.value, f": {status.sentence}" if status.sentence else ""
    if status.state is State.PAIRING:
        return NotPaired("the session is linked to no account: a phone must scan the code first")
    return NotConnected(
        f"the session is in {where}, so nothing was sent{why}",
        state=where,
        reason=status.reason.value if status.reason else None,
        until=status.not_before,
    )


def _said(arguments: dict[str, Any]) -> str:
    """Return arguments as they are handed over. Raises Misused for what is too long for that."""
    said = json.dumps(arguments, sort_keys=True)
    if len(said) > MAX_LONG_SECRET:
        raise Misused(f"all that is said of a message has {MAX_LONG_SECRET >> 20} MiB at most")
    return said


def _seconds(timestamp: int) -> float:
    """Return a time of neonize in seconds: it says milliseconds of some things."""
    return timestamp / 1000 if timestamp > 1e11 else float(timestamp)  # noqa: PLR2004 - year 5138


def _move(database: Path, target: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file = database.with_name(database.name + suffix)
        if file.exists():
            file.replace(target / file.name)
