"""The shell around the core: one queue of facts, one set of timers, one task that owns both.

Facts reach the queue from the session process, from the handlers and from an operator in any
thread. The loop waits for the next fact or for the core's next deadline, whichever comes first,
publishes the step and has its effects carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .control import Order, listening
from .descriptors import check_descriptors
from .errors import Misused, Unreachable
from .fact_queue import FactQueue
from .handlers import Handlers
from .journal import Keeper
from .lifecycle import Child, Phase, SessionCore, State, Work, effects, facts
from .listeners import Listeners
from .pairing.parse import parse_sink
from .session.parent.link import SessionLink
from .session.shared import bot_names
from .sinks import Sinks
from .status import Status, StepRecord
from .store import SessionFiles, SessionLock, open_vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from .lifecycle import Reason, Step
    from .lifecycle.facts import Fact
    from .listeners import Listener
    from .pairing.sink import Sink
    from .session.parent.launch import Launcher
    from .settings import Settings
    from .store import Vault

log = logging.getLogger("wa_supervisor")


_LEFT: Mapping[str, Fact] = {"resume": facts.Resume(), "relink": facts.Relink()}

STOP_BOUND = 4.5
"""Seconds from an operator's stop to the end of `run`, whatever the session process does."""

LISTENERS_BOUND = 0.5
"""Seconds at the end for coroutine functions that listen to steps."""

CLAIM_BOUND = 3.0
"""Seconds at the start for the server of a Postgres database."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: in Stopped, or in GaveUp if it was told not to wait there."""

    phase: Phase
    reason: Reason | None
    detail: str = ""


class Supervisor:
    """Keeps one WhatsApp session alive. Safe to embed: no signal handlers, no global state.

    `sinks` say where a QR or pair code is shown; without them `settings.pairing.qr` does. With
    `on_give_up="wait"` the supervisor rests in GaveUp until an operator calls `resume`, `relink`
    or `stop`; with "exit" `run` returns instead. Supervisors of one event loop that are given the
    same `launcher`, a `ForkServers`, share a fork server; who made it closes it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sinks: Iterable[Sink] | None = None,
        on_give_up: Literal["wait", "exit"] = "wait",
        launcher: Launcher | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.files = SessionFiles.at(settings.session, settings.data_dir)
        self._vault = open_vault(self.files, settings.database)
        self._sinks = Sinks(map(parse_sink, settings.pairing.qr) if sinks is None else sinks)
        self._on_give_up = on_give_up
        self._launcher = launcher
        self._keeper: Keeper | None = None
        self._handlers: Handlers | None = None
        self._core = SessionCore(policy=settings.policy, jitter=jitter)
        self._listeners = Listeners[StepRecord]("step")
        self._facts = FactQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_moment = math.inf

    def on_step(self, listener: Listener[StepRecord]) -> None:
        """Have `listener` called with every step, on the supervisor's loop. It must not block.

        A coroutine function is awaited, one step after the other; if it is a thousand steps behind
        it misses the oldest. What a listener raises is logged and ends nothing.
        """
        self._listeners.add(listener)

    @property
    def status(self) -> Status:
        """How the session stands. Read from another thread it may be a moment old."""
        trouble = self._keeper.trouble if self._keeper else None
        return Status.of(self.settings.session, self._core, self._now(), trouble)

    def stop(self) -> None:
        """Stop, keeping the session. From any thread; `run` returns within 5 s."""
        self._operate(facts.Stop())

    def resume(self) -> None:
        """Try again now, with a fresh budget of retries. From any thread."""
        self._operate(facts.Resume())

    def relink(self) -> None:
        """Log out, clear the session away and pair afresh. From any thread."""
        self._operate(facts.Relink())

    def retune(self, settings: Settings) -> None:
        """Take over the numbers of `policy`, and nothing else. On the supervisor's loop.

        What is decided from now on is decided by them; a wait that has begun keeps its end.
        """
        numbers = {"profile": settings.profile, "policy": settings.policy}
        self.settings = self.settings.model_copy(update=numbers)
        self._core.update_policy(settings.policy)
        if self._handlers is not None:
            self._handlers.retune(self.settings)

    def run_forever(self) -> Outcome:
        """Run in this thread until stopped, as `run` does. For programs without asyncio."""
        return asyncio.run(self.run())

    async def run(self) -> Outcome:
        """Supervise the session until an operator stops it.

        Raises BotUnusable if there is no such bot, LockHeld if another process supervises it, here
        or, on its Postgres database, elsewhere; UnsafePermissions if others could read its keys,
        JournalError if its journal is of a newer version, StoreError if its directory cannot be
        used, TooFewDescriptors if the process may not have the files open that a session needs.
        What happens after that is in the outcome and in the steps; it does not raise.
        """
        if self._loop is not None:
            raise Misused("a Supervisor runs once; make a new one")
        self._loop = asyncio.get_running_loop()
        check_descriptors()
        if self.settings.bot is not None:
            bot_names.check(self.settings.bot)
        await asyncio.to_thread(self._vault.prepare)
        post = self._facts.put
        async with _owned(SessionLock(self.files), self._vault) as lock:
            link = SessionLink(
                post,
                launcher=self._launcher,
                lock_descriptor=lock.descriptor,
            )
            keeper = self._keeper = await Keeper.open(
                self.files, self.settings.journal, lock.shared
            )
            orders = {
                Order.STOP: self.stop,
                Order.RESUME: self.resume,
                Order.RELINK: self.relink,
            }
            async with (
                contextlib.aclosing(keeper),
                _ending(link),
                listening(self.files, orders, lambda: self.status),
            ):
                handlers = self._handlers = Handlers(
                    self.settings, self.files, lock, self._vault, link, self._sinks, post
                )
                try:
                    await self._own_the_core(handlers, keeper)
                finally:
                    left = min(self._last_moment - self._now(), STOP_BOUND)
                    await handlers.aclose(within=max(left, 0.0))
                    await self._listeners.aclose(within=LISTENERS_BOUND)
        session = self._core.session
        return Outcome(session.phase, session.reason, session.detail)

    def _now(self) -> float:
        return self._loop.time() if self._loop else 0.0

    def _operate(self, fact: Fact) -> None:
        if self._loop is None:
            self._facts.put(fact)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing to steer
            self._loop.call_soon_threadsafe(self._facts.put, fact)

    async def _own_the_core(self, handlers: Handlers, keeper: Keeper) -> None:
        core = self._core
        keeper.recall_into(core.session, self._now(), core.policy)
        self._begin(keeper.order)
        while not self._over:
            # Clocks first: a flood of facts must not keep them from ringing.
            step = core.tick(self._now())
            if step is None:
                fact = await self._next_fact()
                if fact is None:
                    continue
                step = core.handle(fact, self._now())
            await self._take(step, handlers, keeper)

    def _begin(self, left: str | None) -> None:
        """Put the start into the queue, among the words of an operator that came before it.

        A relink goes first, so that no client is started on keys that are to go.
        """
        words: list[Fact] = [_LEFT[left]] if left else []
        words += iter(self._facts.get_nowait, None)
        for fact in sorted([facts.Start(), *words], key=lambda each: each != facts.Relink()):
            self._facts.put(fact)

    async def _next_fact(self) -> Fact | None:
        """Wait for a fact, but no longer than until the next deadline."""
        deadline = self._core.deadline
        until = self._last_moment if deadline is None else min(deadline, self._last_moment)
        try:
            async with asyncio.timeout_at(None if until == math.inf else until):
                return await self._facts.get()
        except TimeoutError:
            return None

    @property
    def _over(self) -> bool:
        session = self._core.session
        if self._now() >= self._last_moment:
            log.error("the session process did not end within %s s of the stop", STOP_BOUND)
            return True
        resting = session.phase is Phase.STOPPED or (
            # An operator's word may have come before the run, for what was given up earlier.
            session.phase is Phase.GAVE_UP and self._on_give_up == "exit" and len(self._facts) == 0
        )
        return resting and session.child is Child.NONE and session.work is Work.NONE

    async def _take(self, step: Step, handlers: Handlers, keeper: Keeper) -> None:
        now = self._now()
        record = StepRecord.of(step, self.settings.session, self._core.session, now)
        log.log(logging.INFO if step.taken else logging.DEBUG, "%s", record)
        if step.after is State.STOPPED and step.before is not State.STOPPED:
            self._last_moment = now + STOP_BOUND
        # Recorded before anything is done about it: a dial is counted before it happens.
        await keeper.keep(record, self._core.session, now)
        self._listeners.call(record)
        for effect in step.effects:
            match effect:
                case effects.StartChild(generation) if not await keeper.may_dial():
                    why = f"not dialled, as the dial could not be recorded: {keeper.trouble}"
                    self._facts.put(facts.ChildExited(generation, None, None, why))
                case _:
                    handlers.carry_out(effect)
        handlers.watch(step)


@contextlib.asynccontextmanager
async def _ending(link: SessionLink) -> AsyncIterator[None]:
    """End what runs; a process that not even the kernel can end is left to it."""
    try:
        yield
    finally:
        try:
            await link.aclose()
        except Exception:
            log.exception("not everything could be ended")


@contextlib.asynccontextmanager
async def _owned(lock: SessionLock, vault: Vault) -> AsyncIterator[SessionLock]:
    """Hold the session; the loop goes on while what a killed supervisor left behind still dies."""
    taking = asyncio.ensure_future(asyncio.to_thread(lock.acquire))
    try:
        await asyncio.shield(taking)
        claiming = asyncio.ensure_future(asyncio.to_thread(vault.claim))
        claiming.add_done_callback(lambda late: late.cancelled() or late.exception())
        try:
            async with asyncio.timeout(CLAIM_BOUND):
                await asyncio.shield(claiming)
        except (Unreachable, TimeoutError) as error:  # it is claimed before the first dial, then
            log.warning("%s", error if str(error) else "the session's database does not answer yet")
        yield lock
    finally:
        await asyncio.wait({taking})
        if taking.exception() is None:
            vault.release()
            lock.release()
