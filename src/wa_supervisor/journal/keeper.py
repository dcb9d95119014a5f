"""Keeps the journal for the supervisor's loop, and keeps the loop going when the journal cannot.

A step is on the disk before anything is done about it, so a dial is counted before it happens. If
it cannot be written (the disk is full, or hangs) a session that is up stays up. Only dials are held
back: one that no restart would know of happens at the dial budget's average pace, counted from the
start of this process, so that even a supervisor that is restarted for ever keeps it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import JournalError, StoreError
from ..lifecycle import Phase, Session
from .journal import Journal
from .memory import Memory, careful, recall, remember

if TYPE_CHECKING:
    from ..lifecycle import Limit, Policy
    from ..records import StepRecord
    from ..settings import JournalSettings
    from ..store import SessionFiles

log = logging.getLogger("wa_supervisor")

PATIENCE = 1.5
"""Seconds the loop waits for one write; less than the bound on a stop leaves room for."""


class Keeper:
    """One run's journal and memory. For the loop's thread."""

    def __init__(self, journal: Journal, memory: Memory | None) -> None:
        self.trouble: str | None = None
        """Why steps cannot be recorded now; None while they can."""
        self._journal = journal
        self._memory = self._kept = memory
        self._writing: asyncio.Future[None] | None = None
        self._uncounted_at = 0.0

    @classmethod
    async def open(cls, files: SessionFiles, settings: JournalSettings) -> Keeper:
        """Open the session's journal. Raises JournalError, see `Journal.open`."""
        journal = await asyncio.to_thread(Journal.open, files.journal, settings)
        return cls(journal, await asyncio.to_thread(journal.memory))

    def recall_into(self, session: Session, now: float, policy: Policy) -> None:
        """Set the core's session to where the last run left off, at `now` on the core's clock.

        A session without a journal begins eagerly, also one that an earlier version has paired;
        one whose journal could not be read begins with the longest wait.
        """
        self._uncounted_at = now
        if self._memory is not None:
            found = recall(self._memory, now, datetime.now(UTC), policy)
        elif self._journal.was_lost:
            log.warning("the journal could not be read and was set aside: starting with a wait")
            found = careful(now, policy)
        else:
            found = Session()
        for field in fields(Session):
            setattr(session, field.name, getattr(found, field.name))
        if session.phase is Phase.GAVE_UP and session.reason is not None:
            told = session.reason.explanation
            log.warning("given up earlier: %s %s", told.sentence, told.action)

    async def keep(self, record: StepRecord, session: Session, now: float) -> None:
        """Record a step; on return it is on the disk, or `trouble` says why it is not."""
        if not record.taken:
            self._journal.ignore(record)
            return
        memory = self._memory = remember(
            session, now, record.ts, last=self._memory, fact=record.fact
        )
        try:
            await self._write(record, memory)
        except StoreError as error:
            if self.trouble is None:
                log.error("steps cannot be recorded: %s (%s)", error, error.hint)  # noqa: TRY400
            self.trouble = str(error)
        else:
            self._kept = memory
            if self.trouble is not None:
                log.info("steps are recorded again")
            self.trouble = None

    def may_dial(self, now: float, budget: Limit) -> bool:
        """Say whether to go on with the dial of the step that was just handed to `keep`."""
        if self.trouble is None:
            return True
        if self._kept is not None and self._kept.sequel is not None:
            return False  # after a restart the files would be purged as those of the dead keys
        if now - self._uncounted_at < budget.window / budget.count:
            return False
        self._uncounted_at = now
        return True

    async def aclose(self) -> None:
        """Write what is left and close the journal, if it answers."""
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.to_thread(self._journal.close)
        except StoreError as error:
            log.warning("the journal was not closed well: %s", error)
        except TimeoutError:
            log.warning("the journal was not closed well: the disk does not answer")

    async def _write(self, record: StepRecord, memory: Memory) -> None:
        if self._writing is not None and not self._writing.done():
            self._journal.skip()
            raise JournalError("the disk has not answered the last write yet", hint="check it")
        self._writing = asyncio.ensure_future(
            asyncio.to_thread(self._journal.append, record, memory)
        )
        self._writing.add_done_callback(lambda late: late.cancelled() or late.exception())
        done, _ = await asyncio.wait({self._writing}, timeout=PATIENCE)
        if not done:
            raise JournalError(f"the disk did not answer within {PATIENCE} s", hint="check it")
        self._writing.result()
