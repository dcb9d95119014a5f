"""Whose session it is. After a new pairing it may be another account's.

What was received for one account and what is known of messages it has sent must not be taken for
another's. So from a pairing on nothing is handed out or sent until the client has said who we are;
if that is somebody else, what was kept is set aside first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from . import private_files
from .errors import StoreError
from .lifecycle import facts
from .messages.errors import MessagesError
from .messages.own import (
    forget_pairing,
    keep_own,
    keep_pairing,
    own_text,
    read_own,
    read_pairing,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .gate import Identity
    from .lifecycle import Step

    SetAside = Callable[[int, Path], Awaitable[None]]
    """Puts what belongs to the account before into a directory: all that session processes before
    this generation have received or sent. Raises OSError, MessagesError."""

log = logging.getLogger("wa_supervisor")

KEPT: Final = 3
"""How often what was kept for another account is kept apart; older is removed."""
_AGAIN: Final = 2.0
"""Seconds between two questions who we are, while it is not known whose the session is."""


class Account:
    """The account of one run. For the supervisor's loop; `directory` is the inbox's.

    `note` keeps elsewhere, too, whose session it is; it blocks for a short time, and may raise
    InboxError.
    """

    def __init__(
        self,
        directory: Path,
        ask: Callable[[], Awaitable[Identity | None]],
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.own: Identity | None = None
        """Who we are, as far as it was ever known."""
        self.changes = 0
        """How often it has become another account in this run."""
        self.set_aside: list[SetAside] = []
        """What is done when it has."""
        self._directory = directory
        self._ask = ask
        self._note = note
        self._known = asyncio.Event()
        self._known.set()
        self._paired: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked or set aside. For tests."""
        return not self._tasks

    async def open(self) -> None:
        """Read who we were, and whether a pairing came after that."""
        self.own, self._paired = await asyncio.to_thread(self._read)
        if self._paired is not None:
            self._known.clear()

    def _read(self) -> tuple[Identity | None, int | None]:
        own = read_own(self._directory)
        return own, read_pairing(self._directory) if own is not None else None

    def close(self) -> None:
        """Ask no more; nobody waits any longer."""
        for task in self._tasks:
            task.cancel()
        self._known.set()

    async def settled(self) -> None:
        """Wait while it is not known whose the session is."""
        await self._known.wait()

    @property
    def is_settled(self) -> bool:
        """Whether it is known whose the session is."""
        return self._known.is_set()

    def heard(self, step: Step) -> None:
        """Take note of a step: a pairing, or a connection, over which the client is asked."""
        if not step.taken:
            return
        if isinstance(step.fact, facts.PairSucceeded) and self.own is not None:
            self._paired = step.fact.generation
            self._known.clear()
            self._start(self._keep_pairing(step.fact.generation))
        elif isinstance(step.fact, facts.Connected):
            self._start(self._learn(step.fact.generation))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_pairing(self, generation: int) -> None:
        try:
            await asyncio.to_thread(keep_pairing, self._directory, generation)
        except OSError as error:
            log.warning("a pairing could not be noted: %s", error.strerror)

    async def _learn(self, generation: int) -> None:
        """Ask who we are; once more as long as something waits for the answer."""
        own = await self._ask()
        while own is None and not self.is_settled:
            await asyncio.sleep(_AGAIN)
            own = await self._ask()
        if own is None:
            return
        before, since = self.own, self._paired if self._paired is not None else generation
        while before is not None and not _same(before, own):
            try:
                await self._change(since)
                break
            except (OSError, MessagesError, StoreError) as error:
                log.error("what was kept for another account cannot be set aside: %s", error)  # noqa: TRY400
                self._known.clear()
                await asyncio.sleep(_AGAIN)
        is_news = own != before or self._paired is not None
        self.own, self._paired = own, None
        try:
            await asyncio.to_thread(self._keep, own)
        except OSError as error:
            log.warning("who we are could not be kept: %s", error.strerror)
        if is_news and self._note is not None:
            # Before a program gets a message of it: else the next machine takes it for another's.
            try:
                await asyncio.to_thread(self._note, own_text(own))
            except (MessagesError, StoreError) as error:
                log.warning("who we are is not known elsewhere yet: %s", error)
        self._known.set()

    def _keep(self, own: Identity) -> None:
        if own != read_own(self._directory):
            keep_own(self._directory, own)
        forget_pairing(self._directory)

    async def _change(self, generation: int) -> None:
        self._known.clear()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self._directory / "other-accounts" / stamp
        await asyncio.to_thread(_make_room, target)
        for set_aside in self.set_aside:
            await set_aside(generation, target)
        self.changes += 1
        log.warning(
            "the session is linked to another account now: what was received for the one before, "
            "and the keys of what it sent, are set aside in %s",
            target,
        )


def _same(one: Identity, other: Identity) -> bool:
    return one.includes(other.lid) or one.includes(other.phone)


def _make_room(target: Path) -> None:
    private_files.make_directory(target.parent)
    for name in private_files.list_names(target.parent)[KEPT - 1 :]:
        with contextlib.suppress(FileNotFoundError):
            private_files.remove_tree(target.parent / name)
    private_files.make_directory(target)
