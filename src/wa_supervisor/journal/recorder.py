"""Keeps the journal for the supervisor's loop, and keeps the loop going when the journal cannot.

A step is on the disk before anything is done about it, so a dial is counted before it happens. If
it cannot be written (the disk is full, or hangs) a session that is up stays up. Only dials are held
back: one that the journal cannot take is counted in a reserve, and one that no restart would know
of does not happen.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeAlias

from ..errors import JournalError, StoreError
from ..lifecycle import Budget, Phase, Session
from .journal import Journal
from .memory import BELIEVED, Memory, careful, recall, remember
from .reserve import MOST, Reserve

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ..lifecycle import Policy
    from ..settings import JournalSettings
    from ..status import StepRecord
    from ..store import SessionFiles

log = logging.getLogger("wa_supervisor")

_P = ParamSpec("_P")
Lease: TypeAlias = "Callable[[], AbstractContextManager[None]]"

WRITE_TIMEOUT = 1.5
"""Seconds the loop waits for one write; less than the bound on a stop leaves room for."""

_CANNOT_WRITE = (StoreError, OSError, RuntimeError)
"""What a write ends with: our words for it, no descriptor left to hold the lock by, no thread."""


class Keeper:
    """One run's journal and memory. For the loop's thread."""

    def __init__(
        self,
        journal: Journal,
        memory: Memory | None,
        reserve: Reserve,
        reserved: tuple[datetime, ...],
        lease: Lease = nullcontext,
    ) -> None:
        self.trouble: str | None = None
        """Why steps cannot be recorded now; None while they can."""
        self._journal = journal
        self._memory = self._kept = memory
        self._writing: asyncio.Future[None] | None = None
        self._reserve = reserve
        self._reserved = reserved
        self._lease = lease

    @classmethod
    async def open(
        cls, files: SessionFiles, settings: JournalSettings, lease: Lease = nullcontext
    ) -> Keeper:
        """Open the session's journal. Raises JournalError, see `Journal.open`.

        Every write is under a `lease`, which keeps the session ours until a late one is done.
        """
        journal = await asyncio.to_thread(Journal.open, files.journal, settings)
        reserve = Reserve(files.reserve)
        try:
            memory = await asyncio.to_thread(journal.memory)
            return cls(journal, memory, reserve, await asyncio.to_thread(_open, reserve), lease)
        except BaseException:
            journal.close()
            raise

    @property
    def order(self) -> Literal["resume", "relink"] | None:
        """What an operator left for this run; until its fact is kept, also for the next one."""
        return self._memory.order if self._memory else None

    def recall_into(self, session: Session, now: float, policy: Policy) -> None:
        """Set the core's session to where the last run left off, at `now` on the core's clock.

        A session without a journal begins eagerly, also one that an earlier version has paired;
        one whose journal could not be read begins with the longest wait.
        """
        wall = datetime.now(UTC)
        if self._memory is not None:
            found = recall(self._memory, now, wall, policy)
        elif self._journal.was_lost:
            log.warning("the journal could not be read and was set aside: starting with a wait")
            found = careful(now, policy)
        else:
            found = Session()
        self._add_reserved(found, now, wall)
        for field in fields(Session):
            setattr(session, field.name, getattr(found, field.name))
        if session.phase is Phase.GAVE_UP and session.reason is not None:
            told = session.reason.explanation
            log.warning("given up earlier: %s %s", told.sentence, told.action)

    async def keep(self, record: StepRecord, session: Session, now: float) -> None:
        """Record a step; on return it is on the disk, or `trouble` says why it is not."""
        if self._memory and record.fact.lower() == self._memory.order:
            self._memory = self._memory.model_copy(update={"order": None})
        if not record.taken:
            self._journal.ignore(record)
            return
        memory = self._memory = remember(
            session, now, record.ts, last=self._memory, fact=record.fact
        )
        try:
            await self._write(record, memory)
        except _CANNOT_WRITE as error:
            if self.trouble is None:
                hint = getattr(error, "hint", None)
                log.error("steps cannot be recorded: %s (%s)", error, hint)  # noqa: TRY400
            self.trouble = str(error)
        else:
            self._kept = memory
            if self.trouble is not None:
                log.info("steps are recorded again")
            self.trouble = None

    async def may_dial(self) -> bool:
        """Say whether to go on with the dial of the step that was just handed to `keep`."""
        if self.trouble is None:
            return True
        if self._kept is not None and self._kept.dead_keys_plan is not None:
            return False  # after a restart the files would be purged as those of the dead keys
        dials = (*self._reserved[1 - MOST :], datetime.now(UTC))
        try:
            await self._bounded(self._reserve.write, dials)
        except _CANNOT_WRITE as error:
            log.debug("a dial cannot be counted: %s", error)
            return False
        self._reserved = dials
        return True

    async def aclose(self) -> None:
        """Write what is left and close the journal, if it answers."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await asyncio.to_thread(self._leased, self._journal.close)
        except TimeoutError:
            log.warning("the journal was not closed well: the disk does not answer")
        except _CANNOT_WRITE as error:
            log.warning("the journal was not closed well: %s", error)

    def _add_reserved(self, session: Session, now: float, wall: datetime) -> None:
        """Count the dials that the memory does not know of."""
        known = self._memory.written_at if self._memory else None
        ages = [(wall - at).total_seconds() for at in self._reserved if not known or at > known]
        if ages:
            # One that seems to lie ahead, or very far back, was made before the clock was set.
            times = [now - (age if 0 <= age <= BELIEVED else 0.0) for age in ages]
            spent = (*session.spent.get(Budget.DIALS, ()), *times)
            session.spent[Budget.DIALS] = tuple(sorted(spent))

    async def _write(self, record: StepRecord, memory: Memory) -> None:
        if self._writing is not None and not self._writing.done():
            self._journal.skip()
        await self._bounded(self._journal.append, record, memory)

    async def _bounded(self, deed: Callable[_P, None], *args: _P.args, **more: _P.kwargs) -> None:
        """Have a thread write, but wait only so long for it; raise JournalError then."""
        if self._writing is not None and not self._writing.done():
            raise JournalError("the disk has not answered the last write yet", hint="check it")
        self._writing = asyncio.ensure_future(
            asyncio.to_thread(self._leased, partial(deed, *args, **more))
        )
        self._writing.add_done_callback(lambda late: late.cancelled() or late.exception())
        done, _ = await asyncio.wait({self._writing}, timeout=WRITE_TIMEOUT)
        if not done:
            raise JournalError(f"the disk did not answer within {WRITE_TIMEOUT} s", hint="check it")
        self._writing.result()

    def _leased(self, deed: Callable[[], None]) -> None:
        with self._lease():
            deed()


def _open(reserve: Reserve) -> tuple[datetime, ...]:
    try:
        reserve.prepare()
        return reserve.read()
    except StoreError as error:
        log.warning("dials cannot be counted without the journal: %s (%s)", error, error.hint)
        return ()
