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
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeAlias

from ..errors import JournalError, StoreError
from ..hints import Hint
from ..lifecycle import Budget, Phase, Session
from ..lifecycle.policy import MINUTE
from .elapsed import BELIEVED
from .memory import Memory, careful, passed_since, recall, remember
from .reserve import MOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ..clock import Clock, Uptime
    from ..lifecycle import Policy
    from ..status import StepRecord
    from .memory import Order
    from .records import DialReserve, Records

log = logging.getLogger("wa_supervisor")

_P = ParamSpec("_P")
HoldingLock: TypeAlias = "Callable[[], AbstractContextManager[None]]"

WRITE_TIMEOUT = 1.5
"""Seconds the loop waits for one write; less than the bound on a stop leaves room for."""

_CHECK_DISK = Hint(note="check the disk it is on, or the server: that may be away")

_CANNOT_WRITE = (StoreError, OSError, RuntimeError)
"""What a write ends with: our words for it, no descriptor left to hold the lock by, no thread."""


class Recorder:
    """One run's journal and memory. For the loop's thread."""

    def __init__(
        self,
        journal: Records,
        reserve: DialReserve,
        *,
        clock: Clock,
        holding_lock: HoldingLock = nullcontext,
    ) -> None:
        self.trouble: str | None = None
        """Why steps cannot be recorded now; None while they can."""
        self._journal = journal
        self._reserve = reserve
        self._clock = clock
        self._holding_lock = holding_lock
        self._memory: Memory | None = None
        self._kept: Memory | None = None
        self._writing: asyncio.Future[None] | None = None
        self._reserved: tuple[datetime, ...] = ()

    @classmethod
    async def open(
        cls,
        open_journal: Callable[[], tuple[Records, DialReserve]],
        *,
        clock: Clock,
        holding_lock: HoldingLock = nullcontext,
    ) -> Recorder:
        """Open the session's journal in a thread and read it. Raises JournalError.

        Every write is done `holding_lock`, which keeps the session ours until a late one is done.
        """

        def open_and_read() -> Recorder:
            journal, reserve = open_journal()
            try:
                recorder = cls(journal, reserve, clock=clock, holding_lock=holding_lock)
                recorder._memory = recorder._kept = journal.memory()
                recorder._reserved = _read(reserve)
            except BaseException:
                journal.close()
                raise
            return recorder

        opening = asyncio.ensure_future(asyncio.to_thread(open_and_read))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if opening.exception() is None:
                await opening.result().aclose()
            raise

    @property
    def memory(self) -> Memory | None:
        """What is remembered now, though it may not be on the disk; None before the first step."""
        return self._memory

    @property
    def order(self) -> Order | None:
        """What an operator left for this run; until its fact is kept, also for the next one."""
        return self._memory.order if self._memory else None

    def recall(self, policy: Policy) -> Session:
        """Return the session as the last run left it, with times on the clock.

        A session without a journal begins eagerly, also one that an earlier version has paired;
        one whose journal could not be read begins with the longest wait.
        """
        now, wall = self._clock.time(), self._clock.wall()
        if self._memory is not None:
            uptime = self._clock.uptime()
            found = recall(self._memory, now, wall, policy, uptime=uptime)
            _say_how_long_a_ban_lasts(self._memory, wall, uptime)
        elif self._journal.was_lost:
            log.warning("the journal could not be read and was set aside: starting with a wait")
            found = careful(now, policy)
        else:
            found = Session()
        self._add_reserved(found, now, wall)
        if found.phase is Phase.GAVE_UP and found.reason is not None:
            log.warning("given up earlier: %s", found.reason.explanation)
        return found

    async def keep(self, record: StepRecord, session: Session, now: float) -> None:
        """Record a step; on return it is on the disk, or `trouble` says why it is not.

        `session` is as the step left it, and `now` when that was, on the core's clock.
        """
        if self._memory and record.fact.lower() == self._memory.order:
            self._memory = self._memory.model_copy(update={"order": None})
        if not record.taken:
            self._journal.ignore(record)
            return
        memory = self._memory = remember(
            session,
            now,
            record.ts,
            uptime=self._clock.uptime(),
            last=self._memory,
            fact=record.fact,
        )
        try:
            await self._write(record, memory)
        except _CANNOT_WRITE as error:
            if self.trouble is None:
                hint = getattr(error, "hint", None)
                said = f"{error} ({hint})" if hint else str(error)
                log.error("steps cannot be recorded: %s", said)  # noqa: TRY400
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
        if self._kept is not None and self._kept.session.dead_keys_plan is not None:
            return False  # after a restart the files would be purged as those of the dead keys
        dials = (*self._reserved[1 - MOST :], self._clock.wall())
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
                await asyncio.to_thread(self._while_locked, self._journal.close)
        except TimeoutError:
            log.warning("the journal was not closed well: it does not answer")
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

    async def _bounded(self, work: Callable[_P, None], *args: _P.args, **more: _P.kwargs) -> None:
        """Have a thread write, but wait only so long for it; raise JournalError then."""
        if self._writing is not None and not self._writing.done():
            raise JournalError("the journal has not taken the last write yet", hint=_CHECK_DISK)
        self._writing = asyncio.ensure_future(
            asyncio.to_thread(self._while_locked, partial(work, *args, **more))
        )
        self._writing.add_done_callback(lambda late: late.cancelled() or late.exception())
        done, _ = await asyncio.wait({self._writing}, timeout=WRITE_TIMEOUT)
        if not done:
            raise JournalError(
                f"the journal did not take a write within {WRITE_TIMEOUT} s", hint=_CHECK_DISK
            )
        self._writing.result()

    def _while_locked(self, work: Callable[[], None]) -> None:
        with self._holding_lock():
            work()


def _say_how_long_a_ban_lasts(memory: Memory, wall: datetime, uptime: Uptime | None) -> None:
    """Warn where only the time of day says how much of a ban was waited out."""
    left = memory.session.ban_until or 0.0
    passed = passed_since(memory, wall, uptime)
    if left > 0 and not passed.certain:
        log.warning(
            "a temporary ban was being waited out, and the machine may have been restarted since, "
            "or is another: by the clock %.0f of the %.0f min that were left have passed; if a "
            "clock was set, stop, and wait for as long as the ban lasts",
            min(passed.waits, left) / MINUTE,
            left / MINUTE,
        )


def _read(reserve: DialReserve) -> tuple[datetime, ...]:
    try:
        reserve.prepare()
        return reserve.read()
    except StoreError as error:
        log.warning("dials cannot be counted without the journal: %s (%s)", error, error.hint)
        return ()
