"""What a simulation leaves behind: every step, every turn of the world, and the figures of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from wa_supervisor.lifecycle import Phase, Reason, Session, Step, effects, facts
from wa_supervisor.lifecycle.effects import Effect
from wa_supervisor.lifecycle.facts import Fact

from .format_time import HOUR

SomeFact = TypeVar("SomeFact", bound=Fact)
SomeEffect = TypeVar("SomeEffect", bound=Effect)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened: a step of the core, or a turn of the world in one sentence."""

    at: float
    """Virtual seconds since the simulation began."""
    phase: Phase | None
    """The session's phase from then on; None while no supervisor runs."""
    step: Step | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Story:
    """A simulation that is over."""

    lasted: float
    entries: tuple[Entry, ...]
    session: Session
    """The session as it was at the end."""
    dead_logins: tuple[float, ...]
    """When the keys presented were ones that WhatsApp no longer honoured."""
    redials: int
    """Dials of whatsmeow's own."""
    link: tuple[tuple[float, bool], ...]
    """From when on messages really got through, or not."""
    keys_linked: bool
    """The keys on disk are those of a pairing that WhatsApp honours."""
    violations: tuple[str, ...] = ()
    """The invariants that were broken, each with its moment."""

    def steps(self) -> Iterator[tuple[float, Step]]:
        """Every step of the core with its time, also those that ignored their fact."""
        return ((e.at, e.step) for e in self.entries if e.step is not None)

    def facts(self, kind: type[SomeFact]) -> list[tuple[float, SomeFact]]:
        """The facts of this kind that meant something."""
        return [
            (at, step.fact)
            for at, step in self.steps()
            if step.taken and isinstance(step.fact, kind)
        ]

    def effects(self, kind: type[SomeEffect]) -> list[tuple[float, SomeEffect]]:
        """The effects of this kind."""
        return [
            (at, effect)
            for at, step in self.steps()
            for effect in step.effects
            if isinstance(effect, kind)
        ]

    @property
    def dials(self) -> list[float]:
        """When the client was started."""
        return [at for at, _ in self.effects(effects.StartChild)]

    @property
    def windows(self) -> list[float]:
        """When a pairing window opened: its first QR was shown."""
        return [
            at
            for at, step in self.steps()
            if step.phase_before is Phase.INIT and step.phase_after is Phase.PAIRING
        ]

    @property
    def pairings(self) -> list[float]:
        """When a phone paired."""
        return [at for at, _ in self.facts(facts.PairSucceeded)]

    @property
    def purges(self) -> list[float]:
        """When the session's files were cleared away."""
        return [at for at, _ in self.effects(effects.PurgeSession)]

    @property
    def notified(self) -> list[tuple[float, Reason]]:
        """What a person was told, and when."""
        return [(at, effect.reason) for at, effect in self.effects(effects.Notify)]

    def stays(self) -> Iterator[tuple[float, float, Phase | None]]:
        """From when to when the session was in which phase, in order and without gaps."""
        began, phase = 0.0, self.entries[0].phase if self.entries else None
        for entry in self.entries:
            if entry.phase is not phase:
                yield began, entry.at, phase
                began, phase = entry.at, entry.phase
        yield began, self.lasted, phase

    def time_in(self) -> dict[str, float]:
        """Seconds spent in each public state, and `down` while no supervisor ran."""
        spent: defaultdict[str, float] = defaultdict(float)
        for began, ended, phase in self.stays():
            spent["down" if phase is None else phase.state.value] += ended - began
        return dict(spent)

    def phase_at(self, time: float) -> Phase | None:
        """The phase at this time."""
        return next(p for began, _, p in reversed([*self.stays()]) if began <= time)

    def longest_lie(self) -> float:
        """The longest time for which `Connected.online` was shown while nothing got through."""
        ends = [*(at for at, _ in self.link[1:]), self.lasted]
        down = [(at, end) for (at, up), end in zip(self.link, ends, strict=True) if not up]
        shown = [(a, b) for a, b, phase in self.stays() if phase is Phase.ONLINE]
        overlaps = (min(b, d) - max(a, c) for a, b in shown for c, d in down)
        return max(overlaps, default=0.0) if shown else 0.0


def busiest(times: list[float], window: float = HOUR) -> int:
    """The most of these times that fall within any one window."""
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - window:
            first += 1
        most = max(most, last - first + 1)
    return most
