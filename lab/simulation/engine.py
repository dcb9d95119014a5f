"""Plays a script of the world through the real core on a virtual clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

from wa_supervisor.errors import SupervisorError
from wa_supervisor.lifecycle import Phase, Policy, facts
from wa_supervisor.lifecycle.facts import Fact
from wa_supervisor.testing import Broken, VirtualSession

from .event_queue import EventQueue
from .format_time import clock
from .story import Entry, Story
from .world import World

MOST_STEPS = 200_000
"""A simulation with more steps than this is a storm that does not end."""


class SimulationStuck(SupervisorError):
    """Raised when a simulation does not come to its end, because steps follow without a pause."""


@dataclass(frozen=True)
class Event:
    """A turn of the simulated world: its sentence, and what it does."""

    sentence: str
    act: Callable[[Simulation], None]
    when: Callable[[Simulation], bool] = lambda _: True
    """Whether there is anything to happen to when the time comes."""


@dataclass(frozen=True)
class Planned:
    """A event and its time, in virtual seconds since the simulation began."""

    at: float
    event: Event


class Simulation:
    """The real core in a simulated world. Seeded: the same seed tells the same story.

    Every step is checked against the invariants of `wa_supervisor.testing`; a broken one ends the
    story there.
    """

    def __init__(self, policy: Policy | None = None, *, seed: int = 0, paired: bool = True) -> None:
        self.queue = EventQueue()
        self.world = World(self.queue, Random(f"world {seed}"), self.tell)
        if paired:
            self.world.begin_paired()
        # Its jitter has a stream of its own: one draw more in the world shifts none of it.
        self.supervisor = VirtualSession(policy, seed=seed)
        self.running = False
        """Whether there is a supervisor's process."""
        self._seen = 0
        self._entries: list[Entry] = []
        self._violations: list[str] = []

    def play(self, script: Iterable[Planned], lasts: float) -> Story:
        """Start a supervisor, let everything of the script happen, and stop after this time.

        Raises SimulationStuck if the steps never end.
        """
        for planned in script:
            self.queue.after(planned.at, partial(self.let, planned.event))
        try:
            self.start_supervisor()
            self._run(lasts)
        except Broken as broken:
            self._catch_up()  # the step that broke it belongs into the story
            self._violations.append(f"{clock(self.queue.now)} {str(broken).partition(chr(10))[0]}")
        return self._story(lasts)

    def let(self, event: Event) -> None:
        """Let something happen now, if it can, and note it."""
        if event.when(self):
            self.note(event.sentence)
            event.act(self)

    def note(self, sentence: str) -> None:
        """Put a sentence into the story."""
        self._entries.append(Entry(self.queue.now, self.phase, sentence=sentence))

    def tell(self, fact: Fact) -> None:
        """Hand a fact to the core, if a supervisor runs."""
        if self.running:
            self.supervisor.advance_to(self.queue.now)
            self.supervisor.happen(fact)
            self._catch_up()

    @property
    def phase(self) -> Phase | None:
        """The session's phase; None while no supervisor runs."""
        return self.supervisor.phase if self.running else None

    # -- the supervisor's process

    def start_supervisor(self) -> None:
        """Start a supervisor with the memory that the one before it kept."""
        self.running = True
        self.tell(facts.Start())

    def kill_supervisor(self) -> None:
        """End the supervisor and its child at once; its memory was written at every step."""
        if self.running:
            self.running = False
            self.supervisor.restart()
            self.world.supervisor_died()

    # -- the loop

    def _run(self, lasts: float) -> None:
        while len(self._entries) < MOST_STEPS:
            ring = self._ring
            if min(ring, self.queue.due) > lasts:
                return
            if ring <= self.queue.due:
                self.queue.now = ring
                self.supervisor.advance_to(ring)
                self._catch_up()
            else:
                self.queue.advance()
        raise SimulationStuck(
            f"{MOST_STEPS} steps by {clock(self.queue.now)}, and no end",
            hint="Look at the last entries: steps follow each other without a pause.",
        )

    @property
    def _ring(self) -> float:
        deadline = self.supervisor.deadline if self.running else None
        return math.inf if deadline is None else max(deadline, self.queue.now)

    def _catch_up(self) -> None:
        """Take note of the steps that were taken, and let the world obey them."""
        taken = self.supervisor.entries[self._seen :]
        self._seen += len(taken)
        for step in (entry.step for entry in taken):
            if step is not None:
                self._entries.append(Entry(self.queue.now, step.phase_after, step))
                for effect in step.effects:
                    self.world.obey(effect)

    def _story(self, lasts: float) -> Story:
        world = self.world
        return Story(
            lasted=lasts,
            entries=tuple(self._entries),
            session=self.supervisor.session,
            dead_logins=tuple(world.dead_logins),
            redials=world.redials,
            link=tuple(world.link),
            keys_linked=world.keys is not None and world.keys == world.linked,
            violations=tuple(self._violations),
        )
