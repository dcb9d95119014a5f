"""The part of a session that is always on this machine's disk, wherever its keys are.

That is the lock of its directory, the control socket, the log of received messages, the outbox and
the crash reports.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from . import crashes, looks
from .control_server import listening
from .errors import StoreError
from .notify.memory import FILE as NOTICES
from .notify.memory import FileMemory
from .store import SessionFiles, SessionLock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .control import Orders, Talks
    from .crashes import CrashReport
    from .messages.elsewhere import Copies
    from .messages.send_rows import Sends
    from .notify.memory import NoticeMemory
    from .settings import Settings
    from .status import Status


log = logging.getLogger("wa_supervisor")

WATCH_EVERY: Final = 30.0
"""Seconds between two looks whether the session's files are still there."""


class LocalStore:
    """What the stores that are used share, see `seams.Store`; touches nothing before `acquire`."""

    def __init__(self, settings: Settings) -> None:
        self.files = SessionFiles.at(settings.session, settings.data_dir)
        self._lock = SessionLock(self.files)

    @property
    def database(self) -> Path:
        """The SQLite file of the client."""
        return self.files.database

    @property
    def outbox(self) -> Path:
        """The outbox beside the journal."""
        return self.files.directory / "outbox.db"

    @property
    def sends(self) -> Sends | None:
        """Nowhere: the outbox is that file."""
        return None

    @property
    def notices(self) -> NoticeMemory:
        """A file in the directory."""
        return FileMemory(self.files.directory / NOTICES)

    @property
    def inbox(self) -> Path:
        """The directory of what is received."""
        return self.files.directory / "inbox"

    @property
    def copies(self) -> Copies | None:
        """Nowhere."""
        return None

    @property
    def lock_descriptor(self) -> int | None:
        """The lock's open file."""
        return self._lock.descriptor

    def shared(self) -> AbstractContextManager[None]:
        """Share the lock."""
        return self._lock.shared()

    def report(self, crash: CrashReport) -> None:
        """Write a report into the directory."""
        crashes.write(self.files.directory, crash)

    @contextlib.asynccontextmanager
    async def control(
        self, orders: Orders, status: Callable[[], Status], talks: Talks
    ) -> AsyncIterator[None]:
        """Listen at a socket in the directory, and make anew what is deleted there meanwhile."""
        watching = asyncio.create_task(self._watch())
        try:
            async with listening(self.files, orders, status, talks):
                yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    @contextlib.contextmanager
    def _in_place(self) -> Iterator[None]:
        """Share the lock for work on the keys, which must be where they were."""
        with self._lock.shared():
            self._lock.check()
            yield

    async def _watch(self) -> None:
        said = ""
        while True:
            await asyncio.sleep(looks.interval(WATCH_EVERY))
            try:
                await asyncio.to_thread(self._mend_in_place)
            except StoreError as error:
                if str(error) != said:
                    log.warning("%s", f"{error} ({error.hint})" if error.hint else error)
                said = str(error)
            else:
                said = ""

    def _mend_in_place(self) -> None:
        """See that directory and lock are there; make a deleted file anew."""
        with self._in_place():
            self._mend()

    def _mend(self) -> None:
        """Make a file of the store's own anew that was deleted. Raises StoreError."""
