"""The chart as plain data: states and transitions, read off `SessionChart` itself.

Rule of the package: nothing here repeats the chart. Pictures and tables are made of the values
below; what is written by hand are words (`words.py`), and tests compare them with the chart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..lifecycle import Phase, SessionChart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from statemachine import State


@dataclass(frozen=True, slots=True)
class Guard:
    """One question of `Decisions` and the answer that lets a transition pass."""

    name: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """One transition of the chart."""

    source: str
    target: str | None
    """None: the state is kept and only the actions run."""
    trigger: str
    """Empty: taken by itself as soon as its guards allow."""
    guards: tuple[Guard, ...] = ()
    actions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What sets it off: the trigger or, for one without, its first guard."""
        return self.trigger or self.guards[0].name


@dataclass(frozen=True, slots=True)
class Place:
    """One state of the chart, leaf or compound."""

    id: str
    name: str
    parent: str | None
    initial: bool
    phase: Phase | None
    """None for a compound."""
    enter: tuple[str, ...] = ()
    exit: tuple[str, ...] = ()


def _names(specs: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(s) for s in specs if not getattr(s, "is_convention", False))


def _guard(text: str) -> Guard:
    return Guard(text.removeprefix("!"), wanted=not text.startswith("!"))


def _edges_of(state: State) -> Iterator[Edge]:
    for t in state.transitions:
        if t.initial:
            continue
        target = t.targets[0].id if t.targets else None
        guards = tuple(_guard(str(c)) for c in t.cond)
        actions = _names(t.on)
        for trigger in [e.id for e in t.events] or [""]:
            yield Edge(state.id, target, trigger, guards, actions)


def _walk(states: Iterable[State]) -> Iterator[State]:
    for state in states:
        yield state
        yield from _walk(state.states)


STATES: tuple[State, ...] = tuple(_walk(SessionChart.states))
PLACES: dict[str, Place] = {
    s.id: Place(
        s.id,
        s.name,
        s.parent.id if s.parent else None,
        s.initial,
        s.value if isinstance(s.value, Phase) else None,
        _names(s.enter),
        _names(s.exit),
    )
    for s in STATES
}
"""Every state, outer before inner."""

EDGES: tuple[Edge, ...] = tuple(e for s in STATES for e in _edges_of(s))
"""Every transition, in the order in which the chart tries them."""

LEAVES: dict[Phase, Place] = {p.phase: p for p in PLACES.values() if p.phase}


def lineage(place: str) -> tuple[str, ...]:
    """A state and what it lies in, inner first."""
    parent = PLACES[place].parent
    return (place, *(lineage(parent) if parent else ()))


def landing(place: str) -> str:
    """The leaf in which entering this state ends."""
    inner = [p.id for p in PLACES.values() if p.parent == place and p.initial]
    return landing(inner[0]) if inner else place


def answers(phase: Phase, trigger: str) -> tuple[Edge, ...]:
    """What a trigger may do in a phase: the first of these whose guards all pass."""
    found: list[Edge] = []
    for place in lineage(LEAVES[phase].id):
        for edge in EDGES:
            if edge.source == place and edge.trigger == trigger:
                found.append(edge)
                if not edge.guards:
                    return tuple(found)
    return tuple(found)
