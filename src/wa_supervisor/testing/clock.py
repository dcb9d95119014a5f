"""A session on a virtual clock: facts happen when you say, time passes when you say.

    play = VirtualSession(policy=Policy(), seed=1)
    play.happen(facts.Start())
    play.hear(facts.DialFailed, "connection refused")
    play.hear(facts.ChildExited, 0, None)
    play.advance(60)
    assert play.phase is Phase.INIT

Every step is checked against `Environment` and the named `invariants`; a broken promise raises
`Broken` with the story so far. Nothing sleeps, so a bad week takes a second.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from ..lifecycle import SessionCore
from .environment import Broken, Environment
from .invariants import Edge, check
from .story import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lifecycle import Phase, Policy, Session, Step
    from ..lifecycle.facts import ChildFact, Fact

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of a played session and its moment."""

    at: float
    step: Step | None
    """None: the supervisor's process was replaced."""


class VirtualSession:
    """Plays a real `SessionCore` in virtual time. For one thread.

    `seed` decides the jitter and nothing else; `jitter` gives its samples instead.
    `now` is where the clock starts, in seconds.
    `session` continues one that was played before; `checked=False` lets broken promises pass.
    """

    def __init__(  # noqa: PLR0913 - all but the policy are rarely given
        self,
        policy: Policy | None = None,
        *,
        seed: int = 0,
        jitter: Callable[[], float] | None = None,
        session: Session | None = None,
        now: float = 0.0,
        checked: bool = True,
    ) -> None:
        self.now = now
        self.environment = Environment.of(session) if session else Environment()
        self.entries: list[Entry] = []
        self._jitter = jitter or random.Random(seed).random
        self._checked = checked
        self.core = SessionCore(session, policy, jitter=self._jitter)

    @property
    def session(self) -> Session:
        """What the core knows: its model."""
        return self.core.session

    @property
    def phase(self) -> Phase:
        """Where the session is."""
        return self.core.session.phase

    @property
    def generation(self) -> int:
        """The number of the newest child."""
        return self.core.session.generation

    @property
    def deadline(self) -> float | None:
        """When the next clock rings, None if none is set."""
        return self.core.deadline

    @property
    def steps(self) -> list[Step]:
        """Everything that happened so far, in order."""
        return [entry.step for entry in self.entries if entry.step is not None]

    @property
    def story(self) -> str:
        """Everything that happened so far, a line each, to be read by a person."""
        return tell((entry.at, entry.step) for entry in self.entries)

    def happen(self, fact: Fact) -> Step:
        """Let a fact happen now. A clock that is due rings before it, as in the real shell."""
        self.advance(0)
        return self._take(fact)

    def hear(
        self,
        fact: Callable[Concatenate[int, P], ChildFact],
        *particulars: P.args,
        **named: P.kwargs,
    ) -> Step:
        """Let the newest child say a fact: the fact's class and its fields after `generation`."""
        return self.happen(fact(self.generation, *particulars, **named))

    def restart(self) -> None:
        """Replace the supervisor's process: its child dies with it, its memory is kept.

        What follows begins with a Start, as in any supervisor.
        """
        self.entries.append(Entry(self.now, None))
        self.environment = self.environment.restarted()
        self.core = SessionCore(self.session.revived(), self.core.policy, jitter=self._jitter)

    def advance(self, seconds: float) -> list[Step]:
        """Let time pass. The clocks due on the way ring in order, each at its own moment."""
        return self.advance_to(self.now + seconds)

    def advance_to(self, moment: float) -> list[Step]:
        """Let time pass until `moment`; no time passes if that lies in the past."""
        rung: list[Step] = []
        while (due := self.core.deadline) is not None and due <= moment:
            self.now = max(self.now, due)
            rung.append(self._take(None))
        self.now = max(self.now, moment)
        return rung

    def ring(self) -> Step | None:
        """Let exactly as much time pass as the next clock needs; None if no clock is set."""
        if (due := self.core.deadline) is None:
            return None
        self.now = max(self.now, due)
        return self._take(None)

    def _take(self, fact: Fact | None) -> Step:
        known = self.session
        before = replace(known, clocks=dict(known.clocks), spent=dict(known.spent))
        step = self.core.tick(self.now) if fact is None else self.core.handle(fact, self.now)
        if step is None:
            raise Broken(f"no clock was due at {self.now}\n{self.story}")
        self.entries.append(Entry(self.now, step))
        environment = self.environment
        try:
            self.environment = environment.after(step)
            edge = Edge(
                before,
                environment,
                step,
                self.session,
                self.environment,
                self.now,
                self.core.policy,
            )
            check(edge)
        except Broken as broken:
            if self._checked:
                raise Broken(f"{broken}\n{self.story}") from None
        return step
