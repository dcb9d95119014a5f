"""What to draw: the overview, everything, or one concern at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ..errors import ConfigError
from .chart import EDGES, LEAVES, PLACES, Edge, landing, lineage
from .words import OVERVIEW, explain

OPERATOR = frozenset({"start", "stop", "resume", "restart", "relink"})

CONCERNS: Mapping[str, frozenset[str]] = {
    "pairing": frozenset(
        {
            "pairing_offered",
            "pair_succeeded",
            "scan_unusable",
            "pairing_failed",
            "pairing_timed_out",
            "pairing_window_closed",
            "link_established",
            "retry_due",
        }
    ),
    "link": frozenset(
        {
            "link_established",
            "link_dropped",
            "link_failed",
            "keepalive_missed",
            "keepalive_restored",
            "stayed_up",
            "child_exited",
            "banned_for_now",
            "replaced",
            "refused",
            "backoff_elapsed",
            "network_back",
            "inbox_filled",
            "inbox_drained",
            "inbox_still_full",
            "due_but_held",
            "dials_held",
            "dial_allowed",
            "retry_due",
        }
    ),
    "keys": frozenset(
        {
            "unlinked",
            "restore_done",
            "nothing_restored",
            "restore_failed",
            "purge_done",
            "purge_failed",
            "files_timed_out",
            "child_stuck",
            "free_to_purge",
            "free_to_restore",
            "free_to_hold",
        }
    ),
    "operator": OPERATOR,
}
"""Which triggers, or guards of transitions without one, each view by concern shows."""

TITLES: Mapping[str, str] = {
    "pairing": "Pairing",
    "link": "The connection",
    "keys": "Dead keys",
    "operator": "What an operator can do",
}

OPENED: Mapping[str, str] = {"pairing": "pairing", "link": "connected"}
"""The state whose sub-states a view by concern shows."""

WITH_SUBSTATES = frozenset(p.parent for p in LEAVES.values() if p.parent) - {"active"}


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow of a picture: every transition between two states that the view shows."""

    source: str
    target: str
    lines: tuple[str, ...]
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture before it has a format."""

    title: str
    places: frozenset[str]
    arrows: tuple[Arrow, ...]
    lit: frozenset[str] = frozenset()
    """States to make stand out."""
    note: str = ""

    @property
    def compounds(self) -> frozenset[str]:
        """The states drawn as a box around others."""
        return frozenset(p for i in self.places for p in lineage(i)[1:])


def _merge(arrows: Iterable[Arrow]) -> tuple[Arrow, ...]:
    merged: dict[tuple[str, str, bool], Arrow] = {}
    for arrow in arrows:
        key = (arrow.source, arrow.target, arrow.operator)
        old = merged.get(key)
        lines = dict.fromkeys((*(old.lines if old else ()), *arrow.lines))
        merged[key] = replace(arrow, lines=tuple(lines))
    return tuple(merged.values())


def _drawing(title: str, arrows: Iterable[Arrow]) -> Drawing:
    merged = _merge(arrows)
    ends = {e for a in merged for e in (a.source, a.target)}
    boxes = {p for e in ends for p in lineage(e)[1:]} | {e for e in ends if landing(e) != e}
    places = ends | boxes | {landing(b) for b in boxes}
    return Drawing(title, frozenset(places | _lineages(places)), merged)


def _lineages(places: Iterable[str]) -> set[str]:
    return {p for i in places for p in lineage(i)}


def _share(arrows: Iterable[Arrow]) -> Iterator[Arrow]:
    """Let states that lie together and do the same share one arrow, which names them."""
    alike: dict[tuple[str, tuple[str, ...], bool], list[Arrow]] = {}
    for arrow in arrows:
        alike.setdefault((arrow.target, arrow.lines, arrow.operator), []).append(arrow)
    for group in alike.values():
        sources = list(dict.fromkeys(a.source for a in group))
        boxes = [b for b in lineage(sources[0])[1:] if all(b in lineage(s) for s in sources)]
        if len(sources) == 1 or not boxes or boxes[0] in lineage(group[0].target):
            yield from group
        else:
            who = " or ".join(PLACES[s].name for s in sources)
            yield replace(group[0], source=boxes[0], lines=(f"in {who}, {group[0].lines[0]}",))


def _detailed(edge: Edge) -> Arrow:
    return Arrow(
        edge.source,
        landing(edge.target) if edge.target else edge.source,
        (explain(edge),),
        operator=edge.trigger in OPERATOR,
    )


def public(place: str) -> str:
    """The state that a place is, or is a sub-state of."""
    return next((p for p in lineage(place) if p in WITH_SUBSTATES), place)


def lift(edge: Edge) -> tuple[str, str, str]:
    """An edge as the overview's table has it: without sub-states, `active` is left as one."""
    inner = lineage(landing(edge.target)) if edge.target else ()
    target = public(inner[0]) if inner else ""
    leaves = "active" in lineage(edge.source) and "active" not in inner
    return "active" if leaves else public(edge.source), edge.key, target


def _overview_arrows() -> Iterator[Arrow]:
    for edge in EDGES:
        source, key, target = lift(edge)
        if label := OVERVIEW.get((source, key, target)):
            lines = tuple(label.split("\n"))
            yield Arrow(source, target, lines, operator=edge.trigger in OPERATOR)


def _collapsed(
    title: str, arrows: Iterable[Arrow], note: str = "", open_state: str = ""
) -> Drawing:
    """A drawing in which every state is one, but for the `open_state`."""

    def closed(place: str) -> str:
        return place if public(place) == open_state else public(place)

    inside = WITH_SUBSTATES - {open_state}
    lifted = [replace(a, source=closed(a.source), target=closed(a.target)) for a in arrows]
    drawing = _drawing(title, (a for a in lifted if not (a.source == a.target in inside)))
    places = frozenset(place for place in drawing.places if closed(place) == place)
    return replace(drawing, places=places, note=note)


def _overview() -> Drawing:
    note = "An operator's stop leads to Stopped from every state."
    return _collapsed("The life of a session", _overview_arrows(), note)


def _full() -> Drawing:
    return _drawing("Every transition", _share(map(_detailed, EDGES)))


def _concern(name: str) -> Drawing:
    chosen = (e for e in EDGES if e.key in CONCERNS[name])
    arrows = _share(_detailed(e) for e in chosen if e.target or e.actions)
    return _collapsed(TITLES[name], arrows, open_state=OPENED.get(name, ""))


VIEWS: Mapping[str, Callable[[], Drawing]] = {
    "overview": _overview,
    "full": _full,
    **{name: partial(_concern, name) for name in CONCERNS},
}
"""The views by name."""


def find_state(name: str) -> str:
    """The chart's id of a state given by its public name, such as `LoggedOut`, in any case.

    Raises:
        ConfigError: there is no such state; the message lists the choices.

    """
    known = {phase.value: place.id for phase, place in LEAVES.items()} | {"Connected": "connected"}
    for public, place in known.items():
        if name.casefold() in {public.casefold(), place}:
            return place
    raise ConfigError(f"no state is called {name!r}", hint=f"choose from: {', '.join(known)}")


def draw(view: str = "overview", state: str | None = None) -> Drawing:
    """Draw a view, or only what surrounds one state in it.

    Raises:
        ConfigError: the view or the state does not exist; the message lists the choices.

    """
    if view not in VIEWS:
        raise ConfigError(f"no view is called {view!r}", hint=f"choose from: {', '.join(VIEWS)}")
    drawing = VIEWS[view]()
    return around(drawing, find_state(state)) if state else drawing


def around(drawing: Drawing, place: str) -> Drawing:
    """Only a state, lit, and the arrows that touch it, what it lies in or what lies in it."""
    if place not in drawing.places:  # a sub-state in a view that has none
        place = next(p for p in lineage(place) if p in drawing.places)
    near = {*lineage(place), *(p for p in PLACES if place in lineage(p))}
    arrows = [a for a in drawing.arrows if {a.source, a.target} & near]
    surroundings = _drawing(f"around {PLACES[place].name}", arrows)
    places = (surroundings.places | _lineages([place])) & drawing.places
    return replace(surroundings, places=places, lit=frozenset({place}))
