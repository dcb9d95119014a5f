"""The shell around the core: one queue of facts, one set of timers, one task that owns both.

Facts reach the queue from the session process, from the handlers and from an operator in any
thread. The loop waits for the next fact or for the core's next deadline, whichever comes first,
records the step, hands it on and has its effects carried out.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .handlers import Handlers
from .lifecycle import Child, Phase, SessionCore, State, Work, effects, facts
from .loop_share import next_turn
from .status import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .fact_queue import FactQueue
    from .journal import Recorder
    from .lifecycle import Step
    from .lifecycle.facts import Fact
    from .seams import Clock, Link, Store
    from .session.shared.spec import InboxSpec
    from .settings import Settings
    from .sinks import Sinks

log = logging.getLogger("wa_supervisor")

STOP_BOUND = 3.5
"""Seconds from an operator's stop to the end of the loop, whatever the session process does, beyond
those that `stop.drain` gives it."""

_ORDERS: Mapping[str, Fact] = {"resume": facts.Resume(), "relink": facts.Relink()}

_FIRST = (facts.Relink, facts.DialsHeld)

OnGiveUp = Literal["wait", "exit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What one run of the shell stands in."""

    store: Store
    link: Link
    clock: Clock
    sinks: Sinks
    recorder: Recorder
    queue: FactQueue
    hand_on: Callable[[Step, StepRecord], None]
    """Hears of every step, once it is recorded; must not raise."""
    on_give_up: OnGiveUp
    jitter: Callable[[], float]
    inbox: Callable[[], InboxSpec | None] = lambda: None
    """Where the next session process is to keep what it receives."""


@dataclass
class Shell:
    """One run of one session, which begins as its recorder remembers it."""

    settings: Settings
    around: Surroundings
    core: SessionCore = field(init=False)
    handlers: Handlers = field(init=False)
    _last_moment: float = math.inf
    _is_waiting: bool = False

    def __post_init__(self) -> None:
        around, policy = self.around, self.settings.policy
        self.core = SessionCore(around.recorder.recall(policy), policy, jitter=around.jitter)
        self.handlers = Handlers(
            self.settings,
            around.store,
            around.link,
            around.clock,
            around.sinks,
            around.queue.put,
            around.inbox,
        )

    def update_policy(self, settings: Settings) -> None:
        """Decide by the numbers of these settings from now on."""
        self.settings = settings
        self.core.update_policy(settings.policy)
        self.handlers.update_policy(settings)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done before a fact happens or time passes."""
        return self._is_waiting and not self.around.queue and not self.handlers.is_busy

    @property
    def is_online(self) -> bool:
        """Whether the client can be asked for something. Costs nothing, unlike a status."""
        return self.core.session.phase is Phase.ONLINE

    async def run(self) -> None:
        """Take facts until the session rests for good."""
        try:
            self._begin(self.around.recorder.order)
            while not self._is_over:
                # Clocks first: a flood of facts must not keep them from ringing.
                step = self.core.tick(self._now)
                if step is None:
                    await self._wait_for_facts()
                    await next_turn()  # it may have happened to many, or be one of very many
                    fact = self.around.queue.get_nowait()
                    if fact is None:
                        continue
                    step = self.core.handle(fact, self._now)
                await self._take(step)
        finally:
            left = min(self._last_moment - self._now, self._stop_bound)
            await self.handlers.aclose(within=max(left, 0.0))

    @property
    def _stop_bound(self) -> float:
        return STOP_BOUND + self.settings.stop.drain

    @property
    def _now(self) -> float:
        return self.around.clock.time()

    def _begin(self, order: str | None) -> None:
        """Put the start into the queue, among what was said before it.

        A relink goes first, so that no client is started on keys that are to go; and what keeps a
        client from being started.
        """
        queue = self.around.queue
        words: list[Fact] = [_ORDERS[order]] if order else []
        words += iter(queue.get_nowait, None)
        for fact in sorted([facts.Start(), *words], key=lambda each: not isinstance(each, _FIRST)):
            queue.put(fact)

    async def _wait_for_facts(self) -> None:
        """Wait until there is a fact, but no longer than until the next deadline."""
        deadline = self.core.deadline
        until = self._last_moment if deadline is None else min(deadline, self._last_moment)
        self._is_waiting = True
        try:
            async with self.around.clock.timeout_at(None if until == math.inf else until):
                await self.around.queue.wait()
        except TimeoutError:
            return
        finally:
            self._is_waiting = False

    @property
    def _is_over(self) -> bool:
        session = self.core.session
        if self._now >= self._last_moment:
            bound = self._stop_bound
            log.error("the session process did not end within %s s of the stop", bound)
            return True
        state = session.phase.state
        resting = state is State.STOPPED or (
            # An operator's word may have come before the run, for what was given up earlier.
            state is State.GAVE_UP and self.around.on_give_up == "exit" and not self.around.queue
        )
        return resting and session.child is Child.NONE and session.work is Work.NONE

    async def _take(self, step: Step) -> None:
        now, recorder = self._now, self.around.recorder
        wall = self.around.clock.wall()
        record = StepRecord.of(step, self.settings.session, now=now, wall=wall)
        log.log(logging.INFO if step.taken else logging.DEBUG, "%s", record)
        if step.after is State.STOPPED and step.before is not State.STOPPED:
            self._last_moment = now + self._stop_bound
        # Recorded before anything is done about it: a dial is counted before it happens.
        await recorder.keep(record, step.session, now)
        self.around.hand_on(step, record)
        for effect in step.effects:
            match effect:
                case effects.StartChild(generation=generation) if not await recorder.may_dial():
                    why = f"not dialled, as the dial could not be recorded: {recorder.trouble}"
                    self.around.queue.put(facts.StartRefused(generation, why))
                case _:
                    self.handlers.carry_out(effect)
        self.handlers.watch(step)
