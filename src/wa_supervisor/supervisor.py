"""What embedders import: one session, supervised."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from .audience import Audience
from .bot_feed import BotFeed
from .bounds import ending, finished, owned, running_loop
from .clock import RealClock
from .control import Order, Orders, ShownCode
from .descriptors import check_descriptors
from .disk_store import DiskStore
from .downloads import Downloads
from .errors import Hopeless, Misused, WaitTimeout
from .fact_queue import FactQueue
from .incoming import Incoming
from .journal import Recorder
from .lifecycle import State, facts
from .log_context import SESSION
from .messages.reader import KINDS
from .notify.notices import Notices
from .outgoing import Outgoing
from .pairing.current import CurrentCode
from .pairing.parse import parse_sink
from .remote.talks import talks
from .sending import Sending
from .session.parent.link import SessionLink
from .session.shared import bot_names
from .shell import STOP_BOUND, OnGiveUp, Shell, Surroundings
from .sinks import Sinks
from .standing import Standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable
    from types import TracebackType

    from .gate import GatePolicy
    from .lifecycle import Reason, Step
    from .lifecycle.facts import Fact
    from .listeners import Listener
    from .messages.delivery import Deliveries
    from .messages.message import Kind
    from .pairing.sink import AsyncSink, Sink
    from .seams import Clock, MakeLink, Store
    from .settings import Settings
    from .status import Status, StepRecord
    from .step_stream import StepStream

log = logging.getLogger("wa_supervisor")

LISTENERS_BOUND: Final = 0.5
"""Seconds at the end for coroutine functions that listen to steps."""

LEAVING_BOUND: Final = STOP_BOUND + 1.5
"""Seconds from leaving the context to its end, whatever hangs, beyond those of `stop.drain`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: in Stopped, or in GaveUp if it was not to wait there."""

    state: State
    reason: Reason | None
    detail: str = ""


class Supervisor(Sending):
    """Keeps one WhatsApp session alive. Safe to embed: no signal handlers, no global state.

        async with Supervisor(Settings(session="shop")) as session:
            await session.wait_for(State.CONNECTED, timeout=120)

    The context has the session's lock and runs it, which is not yet to be connected; leaving it
    stops within 5 s and those of `stop.drain`, also on cancellation. `run` is for a program that
    does nothing else.

    `sinks` say where a QR or pair code is shown; without them `settings.pairing.qr` does. With
    `on_give_up="wait"` the supervisor rests in GaveUp until an operator calls `resume`, `relink`
    or `stop`; with "exit" the run ends instead. `link`, `clock`, `store` and `jitter` are the seams
    for tests, see `seams`.
    """

    def __init__(  # noqa: PLR0913 - all but the settings are rarely given
        self,
        settings: Settings,
        *,
        sinks: Iterable[Sink | AsyncSink] | None = None,
        on_give_up: OnGiveUp = "wait",
        link: MakeLink = SessionLink,
        clock: Clock | None = None,
        store: Store | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._code = CurrentCode()
        shown = map(parse_sink, settings.pairing.qr) if sinks is None else sinks
        self._sinks = Sinks([self._code, *shown])
        self._on_give_up: OnGiveUp = on_give_up
        self._make_link = link
        self._clock = clock or RealClock()
        self._store = store or DiskStore(settings)
        self._incoming: Incoming | None = None
        if settings.inbox.enabled and self._store.inbox is not None:
            self._incoming = Incoming(
                self._store.inbox, settings.inbox, settings.gate, self._store.copies
            )
        self._bot = BotFeed(settings, self._incoming, self._store.inbox)
        self._jitter = jitter
        self._outgoing = Outgoing(
            self._store.outbox,
            status=lambda: self.status,
            is_online=lambda: self._shell is not None and self._shell.is_online,
            connected=functools.partial(self.wait_for, State.CONNECTED, substate="online"),
        )
        if self._incoming is not None:
            self._outgoing.belong_to(self._incoming.account)
        self._notices = Notices(settings.notify, settings.page, self._store.notices)
        self._standing = Standing(
            self._clock, self._code, self._incoming, self._outgoing, self._notices
        )
        self._downloads = Downloads(self._store.inbox)
        self._facts = FactQueue()
        self._audience = Audience()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shell: Shell | None = None
        self._opened = asyncio.Event()
        self._running: asyncio.Task[Outcome] | None = None

    # -- how it stands

    @property
    def status(self) -> Status:
        """How the session stands. Read from another thread it may be a moment old."""
        return self._standing.status(self.settings, self._shell)

    def on_step(self, listener: Listener[Step]) -> None:
        """Have `listener` called with every step, on the supervisor's loop. It must not block.

        A coroutine function is awaited, one step after the other; if it is a thousand steps behind
        it misses the oldest. What a listener raises is logged and ends nothing.
        """
        self._audience.add(listener)

    def messages(
        self,
        reader: str = "default",
        *,
        kinds: Collection[Kind] = KINDS,
        ack: Literal["auto", "manual"] = "auto",
    ) -> Deliveries:
        """Return an async iterator of the messages from senders whom the gate admits.

        It goes on across reconnects, new session processes and restarts of this program: what was
        received and not acknowledged comes again, marked `redelivered`. With `ack="auto"` a message
        is acknowledged when the next one is asked for, with "manual" by `await message.ack()`. A
        reader's name has a place of its own; from the first time it reads, messages are kept for
        it. Within the session's context, on its loop.

        Raises Misused if `inbox.enabled` is off; while iterating, ReaderBusy if another reads under
        this name, and InboxError if the inbox has failed.
        """
        if self._incoming is None:
            raise Misused("the inbox is switched off, so no message is kept", hint="inbox.enabled")
        return self._incoming.messages(self.download, reader, kinds=kinds, ack=ack)

    def on_record(self, listener: Listener[StepRecord]) -> None:
        """As `on_step`, with each step as `--json` prints it and the journal keeps it."""
        self._audience.add_for_records(listener)

    def steps(self) -> StepStream:
        """Return an async iterator of the steps from now on, across reconnects and new processes.

        It ends with the run. A reader that is a thousand steps behind misses the oldest; `missed`
        of the iterator says how many.
        """
        return self._audience.stream()

    async def wait_for(
        self,
        state: State,
        *,
        substate: str | None = None,
        timeout: float,
    ) -> Status:
        """Wait until the session is in this state, and this sub-state if one is given.

        Raises Hopeless as soon as only an operator could bring it there, or the run is over, and
        WaitTimeout after `timeout` seconds; both say where the session is, and why.
        """

        def look() -> bool:
            status = self.status
            if status.state is state and substate in {None, status.substate}:
                return True
            if self._is_hopeless(status):
                raise Hopeless(status.story(f"it will not be {state.value}"))
            return False

        with self._audience.waiting(look) as over:
            try:
                async with self._clock.timeout_at(self._clock.time() + timeout):
                    await over
            except TimeoutError:
                why = f"it was not {state.value} within {timeout:g} s"
                raise WaitTimeout(self.status.story(why)) from None
        return self.status

    def _is_hopeless(self, status: Status) -> bool:
        if self._audience.ended or status.state is State.STOPPED:
            return True
        # What an operator has said meanwhile may lead out of there.
        return status.state is State.GAVE_UP and not self._facts.has_orders

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done before a fact happens or time passes. For tests."""
        parts = (self._outgoing, self._downloads, self._incoming or self._outgoing)
        here = self._shell is not None and self._shell.is_idle
        return self._audience.ended or (here and all(part.is_idle for part in parts))

    # -- what an operator says

    def stop(self) -> None:
        """Stop, keeping the session. From any thread; the run ends within 5 s."""
        self.post(facts.Stop())

    def resume(self) -> None:
        """Try again now, with a fresh budget of retries. From any thread."""
        self.post(facts.Resume())

    def restart(self) -> None:
        """End the session process, if one runs, and start a new one. From any thread."""
        self.post(facts.Restart())

    def relink(self) -> None:
        """Log out, clear the session away and pair afresh. From any thread."""
        self.post(facts.Relink())

    def update_policy(self, settings: Settings) -> None:
        """Take over the numbers of `policy` and `watch`, no more. On the supervisor's loop.

        What is decided from now on is decided by them; a wait that has begun keeps its end.
        """
        self.settings = self.settings.with_live(settings)
        if self._shell is not None:
            self._shell.update_policy(self.settings)

    def shown_code(self) -> ShownCode | None:
        """Return the QR payload or pair code that shows now, if one does."""
        shown = self._code.read()
        return ShownCode(kind=shown[0], text=shown[1], left=shown[2]) if shown else None

    def update_gate(self, gate: GatePolicy) -> None:
        """Judge by this gate from the next message on, and by what was changed by command.

        On the supervisor's loop.
        """
        self.settings = self.settings.model_copy(update={"gate": gate})
        if self._incoming is not None:
            self._incoming.gate.use(gate)
        else:
            self._bot.use(gate)

    @property
    def incoming(self) -> Incoming | None:
        """What is received and the gate before it, to be used on this loop; None if not kept."""
        return self._incoming

    def post(self, fact: Fact) -> None:
        """Say that something happened. From any thread."""
        if self._loop is None or self._loop is running_loop():
            self._facts.put(fact)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing to steer
            self._loop.call_soon_threadsafe(self._facts.put, fact)

    # -- running it

    async def __aenter__(self) -> Self:
        """Take the session and begin to run it; raises what `run` raises."""
        running = self._running = asyncio.create_task(self.run(), name=self.settings.session)
        opening = asyncio.create_task(self._opened.wait())
        try:
            await asyncio.wait({running, opening}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            running.cancel()
            await finished(running, LEAVING_BOUND)
            raise
        finally:
            opening.cancel()
        if running.done():
            running.result()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and wait until everything has ended."""
        assert self._running is not None
        self.stop()
        await finished(self._running, LEAVING_BOUND + self.settings.stop.drain)
        if error is None:
            self._running.result()

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
        named = SESSION.set(self.settings.session)
        check_descriptors()
        if self.settings.bot is not None:
            bot_names.check(self.settings.bot)
        try:
            async with owned(self._store), self._surroundings() as around:
                shell = self._shell = Shell(self.settings, around)
                self._opened.set()
                await shell.run()
                await self._audience.aclose(within=LISTENERS_BOUND)
        finally:
            self._audience.end()
            SESSION.reset(named)
        session = shell.core.session
        return Outcome(session.phase.state, session.reason, session.detail)

    @contextlib.asynccontextmanager
    async def _surroundings(self) -> AsyncIterator[Surroundings]:
        store, clock = self._store, self._clock
        recorder = await Recorder.open(store.open_journal, clock=clock, holding_lock=store.shared)
        lock = store.lock_descriptor
        orders: Orders = {
            Order.STOP: self.stop,
            Order.RESUME: self.resume,
            Order.RESTART: self.restart,
            Order.RELINK: self.relink,
            Order.CODE: self.shown_code,
        }
        incoming = self._incoming
        make = functools.partial(
            self._make_link,
            self._facts.put,
            lock_descriptor=lock,
            on_received=incoming.notify if incoming else lambda: None,
        )
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(contextlib.aclosing(recorder))
            await stack.enter_async_context(self._standing.begun())
            await stack.enter_async_context(contextlib.aclosing(self._outgoing))
            if incoming is not None:
                await stack.enter_async_context(incoming.opened(self._facts.put))
            link = await stack.enter_async_context(ending(make()))
            self._outgoing.use(link)
            self._downloads.use(link)
            if incoming is not None:
                incoming.use(link)
            await stack.enter_async_context(self._bot.running(link))
            others = talks(self, incoming)
            await stack.enter_async_context(self._notices.running(lambda: self.status))
            await stack.enter_async_context(store.control(orders, lambda: self.status, others))
            yield Surroundings(
                store=store,
                link=link,
                clock=clock,
                sinks=self._sinks,
                recorder=recorder,
                queue=self._facts,
                hand_on=self._hand_on,
                on_give_up=self._on_give_up,
                jitter=self._jitter,
                inbox=lambda: incoming.spec if incoming else None,
            )

    def _hand_on(self, step: Step, record: StepRecord) -> None:
        self._standing.heard(record)
        if self._incoming is not None:
            self._incoming.account.heard(step)
        self._bot.heard(step)
        self._notices.heard(step)
        self._audience.hear(step, record)
