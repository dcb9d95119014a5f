"""What the supervisor does for each effect of the core.

No handler blocks the loop: it starts work, and the end of the work is posted as a fact. What the
outside does wrong is a fact too, and so is a defect of ours: it is logged, and the core, which
waits for an answer, is given the one that says that it did not work.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar, assert_never

from .clock import sleep
from .crashes import CrashReport
from .errors import KeysGone, LockHeld, StoreError, Unreachable
from .hints import Action, Hint
from .lifecycle import Logout, State, effects, facts
from .session.parent.network_probe import wait_until_back
from .session.shared.spec import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .lifecycle import Reason, Step
    from .lifecycle.effects import Effect
    from .lifecycle.facts import Fact
    from .seams import Clock, Link, Store
    from .session.shared.spec import InboxSpec
    from .settings import Settings
    from .sinks import Sinks

log = logging.getLogger("wa_supervisor")

LOOK_EVERY = 30.0
"""Seconds between two looks whether the keys are still ours alone."""

SINKS_BOUND = 0.5
"""Seconds at the end for taking the codes away where they are shown."""

BOT_START_SHARE = 0.7
"""Of `start_timeout`: a bot that does not begin is named before the start is given up."""

_TRY_SHARE = 0.7  # of `files_timeout`: the last try must end within it, too
_TRY_AGAIN = 1.0  # seconds

_T = TypeVar("_T")


@dataclass
class Handlers:
    """Carries out effects for one run of one session."""

    settings: Settings
    store: Store
    link: Link
    clock: Clock
    sinks: Sinks
    post: Callable[[Fact], None]
    inbox: Callable[[], InboxSpec | None] = lambda: None
    """Where the next session process is to keep what it receives."""
    # Starts and stops of the child happen in the order in which the core asked for them.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _network: asyncio.Task[None] | None = None
    _looks: asyncio.Task[None] | None = None
    _work: set[asyncio.Task[None]] = field(default_factory=set)
    _generation: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def __post_init__(self) -> None:
        if self.settings.database is not None:  # else who has the lock has the keys
            self._looks = asyncio.create_task(self._watch_keys())

    @property
    def is_busy(self) -> bool:
        """Whether anything is being done."""
        return bool(self._work)

    def carry_out(self, effect: Effect) -> None:
        """Do what the effect asks for, or start doing it; never raises."""
        try:
            self._carry_out(effect)
        except Exception as error:  # noqa: BLE001 - whatever it is, the core must hear of it
            self._report_fault(effect, error)

    def _carry_out(self, effect: Effect) -> None:  # noqa: C901, PLR0912 - a table
        match effect:
            case effects.StartChild():
                self._start(effect, self._start_child(effect))
            case effects.StopChild(_, log_out, pairing):
                self._start(effect, self._stop_child(log_out=log_out, pairing=pairing))
            case effects.Probe(generation):
                self._start(effect, self._probe(generation))
            case effects.WatchNetwork():
                self._watch_network()
            case effects.StopWatchingNetwork():
                self._stop_watching_network()
            case effects.TakeSnapshot(only_if_none):
                copy = self.store.keys.while_connected
                self._start(effect, asyncio.to_thread(copy, first=only_if_none))
            case effects.ReportCrash(exited):
                printed = self.link.printed(exited.generation)
                report = CrashReport.of(exited, self.settings.session, self._recent, printed)
                self._start(effect, self._report(report))
            case effects.PurgeSession(reason):
                log.info("setting the dead session aside (%s)", reason.value)
                self._start(effect, self._purge(reason))
            case effects.RestoreSession():
                self._start(effect, self._restore())
            case effects.ShowQr(payload, lifetime):
                self.sinks.show_qr(payload, lifetime)
            case effects.ShowPairCode(code, lifetime):
                self.sinks.show_code(code, lifetime)
            case effects.HidePairing():
                self.sinks.hide()
            case effects.Notify(reason):
                log.warning("%s", reason.explanation)
            case _:
                assert_never(effect)

    def update_policy(self, settings: Settings) -> None:
        """Take over the numbers of policy and watch: what is started from now on goes by them."""
        self.settings = settings

    def watch(self, step: Step) -> None:
        """Note a step: what had happened before a crash, and that there is no time to try again."""
        if step.after is State.STOPPED:
            self._stopping.set()
        if step.taken:
            self._recent.append(step.fact.name)

    async def aclose(self, within: float) -> None:
        """Take every code away for good; leave what does not end `within` seconds to its thread."""
        end = asyncio.get_running_loop().time() + within
        for task in (self._network, self._looks):
            if task is not None:
                task.cancel()
        await self.sinks.aclose(min(within, SINKS_BOUND))
        if self._work:
            left = end - asyncio.get_running_loop().time()
            _, hanging = await asyncio.wait(self._work, timeout=max(left, 0.0))
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    def _start(self, effect: Effect, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guarded(effect, work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _guarded(self, effect: Effect, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, the core must hear of it
            self._report_fault(effect, error)

    def _report_fault(self, effect: Effect, error: Exception) -> None:
        """Log an exception nobody expected, and answer for what it kept from being done."""
        log.error("%s failed, which is a defect of wa-supervisor", effect.name, exc_info=error)
        answer = _failure(effect)
        if answer is not None:
            self.post(answer)

    async def _start_child(self, effect: effects.StartChild) -> None:
        async with self._turn:
            self._generation = generation = effect.generation
            try:
                spec = await asyncio.to_thread(self._specify, effect)
            except KeysGone as error:
                log.warning("%s: taking it that WhatsApp has rejected them", error)
                self.post(facts.LoggedOut(generation, Logout.UNHEARD))
                self.post(facts.StartRefused(generation, str(error)))
            except (StoreError, OSError) as error:
                # What passes is waited for; the rest needs a person. Descriptors are had again.
                passes = isinstance(error, Unreachable | OSError)
                fact = facts.StorageUnavailable if passes else facts.StorageFailed
                self.post(fact(generation, _explained(error)))
                self.post(facts.StartRefused(generation, _explained(error)))
            else:
                await self.link.start(spec)

    def _specify(self, effect: effects.StartChild) -> ChildSpec:
        """Make the files ready. No child lives yet, so they may be touched."""
        settings = self.settings
        paired = self.store.keys.before_dial(effect.generation)
        log.info("starting the client, %s", "with its keys" if paired else "to be paired")
        by_code = settings.pairing.mode == "code" and not paired
        return ChildSpec(
            session=settings.session,
            database=self.store.database,
            generation=effect.generation,
            postgres=settings.database,
            paired=paired,
            phone=settings.pairing.phone if by_code else None,
            bot=settings.bot,
            leave_out=effect.leave_out,
            endpoint=settings.endpoint,
            watch=settings.watch,
            bot_start=BOT_START_SHARE * settings.policy.start_timeout,
            allow_unknown_neonize=settings.allow_unknown_neonize,
            inbox=self.inbox(),
        )

    async def _stop_child(self, *, log_out: bool, pairing: bool) -> None:
        async with self._turn:
            drain = self.settings.stop.drain
            await self.link.stop(log_out=log_out, pairing=pairing, drain=drain)

    async def _probe(self, generation: int) -> None:
        await self.link.probe(generation, within=self.settings.watch.probe_timeout)

    def _watch_network(self) -> None:
        """Look whether WhatsApp can be reached again, for as long as the wait lasts."""
        self._stop_watching_network()
        endpoint, policy = self.settings.endpoint, self.settings.policy
        self._network = asyncio.create_task(
            wait_until_back(
                lambda: self.link.reachable(endpoint),
                every=policy.network_check_every,
                back=lambda: self.post(facts.NetworkBack()),
                sleep=partial(sleep, self.clock),
            )
        )

    def _stop_watching_network(self) -> None:
        if self._network is not None:
            self._network.cancel()
            self._network = None

    async def _report(self, report: CrashReport) -> None:
        try:
            await asyncio.to_thread(self.store.report, report)
        except StoreError as error:
            log.warning("%s; that could not be reported: %s", report.sentence, error)
        else:
            log.warning("%s (%s); %s", report.sentence, report.end, Hint(Action.CRASHES))

    async def _restore(self) -> None:
        try:
            restored = await self._retrying(self.store.keys.restore)
        except (StoreError, OSError) as error:
            self.post(facts.RestoreFailed(_explained(error)))
        else:
            self.post(facts.RestoreDone() if restored else facts.NothingToRestore())

    async def _purge(self, reason: Reason) -> None:
        try:
            await self._retrying(lambda: self.store.keys.purge(reason.value))
        except (StoreError, OSError) as error:
            self.post(facts.PurgeFailed(_explained(error)))
        else:
            self.post(facts.PurgeDone())

    async def _retrying(self, work: Callable[[], _T]) -> _T:
        """Work on the keys, anew while they are out of reach and time is left."""
        end = self.clock.time() + _TRY_SHARE * self.settings.policy.files_timeout
        warned = False
        while True:
            try:
                return await asyncio.to_thread(work)
            except Unreachable as error:
                left = end - self.clock.time()
                if left <= 0 or self._stopping.is_set():
                    raise
                if not warned:
                    log.warning("%s; trying again", error)
                warned = True
            with contextlib.suppress(TimeoutError):
                async with self.clock.timeout_at(self.clock.time() + min(left, _TRY_AGAIN)):
                    await self._stopping.wait()

    async def _watch_keys(self) -> None:
        """Notice that the keys are no longer ours, and leave them to whoever has them now."""
        away = False
        while True:
            await sleep(self.clock, LOOK_EVERY)
            try:
                await asyncio.to_thread(self.store.claim)
            except LockHeld as error:
                if self.link.pid is not None:
                    self.post(facts.StorageFailed(self._generation, _explained(error)))
            except (StoreError, OSError) as error:
                if not away:
                    log.warning("%s", error)
                away = True
            else:
                away = False


def _failure(effect: Effect) -> Fact | None:
    """Return the fact that says that an effect could not be carried out; None if none waits."""
    why = "a defect of wa-supervisor; its log has the traceback"
    match effect:
        case effects.StartChild(generation=generation):
            return facts.StartRefused(generation, why)
        case effects.Probe(generation):
            return facts.ProbeFailed(generation, why)
        case effects.PurgeSession():
            return facts.PurgeFailed(why)
        case effects.RestoreSession():
            return facts.RestoreFailed(why)
        case _:  # a process that does not stop has its clock; nobody waits for the others
            return None


def _explained(error: StoreError | OSError) -> str:
    hint = getattr(error, "hint", None)
    return f"{error}; {hint}" if hint else str(error)
