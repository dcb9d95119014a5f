"""What each fact does in each state, as Markdown; and what each reason means."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..lifecycle import Phase, Reason, facts
from ..lifecycle.chart import BELIEVED, NOTED
from ..lifecycle.facts import Fact
from . import words
from .chart import EDGES, LEAVES, PLACES, Edge, answers, landing
from .words import ACTIONS, GUARDS

UNSAID = "note the reason"
IGNORED, KEPT, MOVED = "·", "stays", "moves"


FACTS: tuple[type[Fact], ...] = tuple(facts.FACTS.values())
"""Every fact, in the order in which `lifecycle/facts.py` defines them."""


def _answers(phase: Phase, fact: type[Fact]) -> tuple[Edge, ...]:
    return answers(phase, fact.trigger) if fact.trigger else ()


def _name(edge: Edge) -> str:
    """Where an edge leads, in public names; empty if the state is kept."""
    if edge.target is None:
        return ""
    phase = PLACES[landing(edge.target)].phase
    assert phase is not None  # a landing is a leaf
    return phase.state.value if phase is Phase.ONLINE else phase.value


def kind_of(phase: Phase, fact: type[Fact]) -> str:
    """Whether a fact can change the state, is noted there, or is ignored."""
    edges = _answers(phase, fact)
    if not edges:
        return IGNORED
    return MOVED if any(e.target for e in edges) else KEPT


def tally() -> Counter[str]:
    """How many pairs of state and fact there are of each kind."""
    return Counter(kind_of(phase, fact) for phase in Phase for fact in FACTS)


def _cell(phase: Phase, fact: type[Fact]) -> str:
    edges = _answers(phase, fact)
    if not edges:
        return IGNORED
    return " or ".join(dict.fromkeys(_name(e) or KEPT for e in edges))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    return [_row(head), _row("---" for _ in head), *map(_row, rows)]


def total_table(place: str | None = None) -> str:
    """The total table: every fact in every state, or in one state with its conditions."""
    if place:
        return _one_state([p for p, leaf in LEAVES.items() if place in {leaf.id, leaf.parent}])
    count = tally()
    lines = [
        "# Every fact in every state",
        "",
        f"{sum(count.values())} pairs: {count[MOVED]} can change the state, {count[KEPT]} are",
        f"acted on without leaving it (`{KEPT}`), {count[IGNORED]} are ignored, counted and",
        f"journalled (`{IGNORED}`). Which of several answers it is,",
        "[docs/reactions.md](../docs/reactions.md) says.",
        "A fact of an earlier session process is ignored everywhere.",
        "",
        *_table(
            ["fact", *(p.value.removeprefix("Connected.") for p in Phase)],
            ([f"`{f.name}`", *(_cell(p, f) for p in Phase)] for f in FACTS),
        ),
    ]
    return "\n".join(lines) + "\n"


def _one_state(phases: list[Phase]) -> str:
    rows = [(p, f) for f in FACTS for p in phases if _answers(p, f)]
    lines = _table(
        ["fact", "in", "what happens"],
        ([f"`{f.name}`", p.value, _story(_answers(p, f))] for p, f in rows),
    )
    return "\n".join(lines) + "\n"


def _story(edges: tuple[Edge, ...]) -> str:
    parts: list[str] = []
    for i, edge in enumerate(edges):
        condition = " and ".join(GUARDS[g] for g in edge.guards)
        if not condition and i:
            condition = "otherwise"
        actions = [ACTIONS[a] for a in edge.actions if ACTIONS[a] != UNSAID]
        name = f"**{_name(edge)}**" if edge.target else ""
        reaction = ", ".join([*filter(None, [name]), *dict.fromkeys(actions)]) or "noted"
        parts.append(f"{condition}: {reaction}" if condition else reaction)
    if edges[-1].guards:
        parts.append("otherwise: ignored")
    return "; ".join(parts)


def _sentence(fact: type[Fact]) -> str:
    text = inspect.cleandoc(fact.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.split())


def _by_story(fact: type[Fact]) -> dict[str, list[str]]:
    stories: dict[str, list[str]] = {}
    for phase in Phase:
        if edges := _answers(phase, fact):
            stories.setdefault(_story(edges), []).append(phase.value)
    return stories


def _eventless() -> Iterator[list[str]]:
    for edge in EDGES:
        if not edge.trigger:
            condition = ", ".join(GUARDS[g] for g in edge.guards)
            yield [PLACES[edge.source].name, condition, _story((replace(edge, guards=()),))]


def _everywhere() -> Iterator[list[str]]:
    for fact in FACTS:
        if fact in NOTED or fact in BELIEVED:
            believed = words.BELIEVED[BELIEVED[fact]] if fact in BELIEVED else "always"
            noted = words.NOTES[NOTED[fact]] if fact in NOTED else ""
            yield [f"`{fact.name}`", believed, noted]


def _who(reason: Reason) -> str:
    return reason.explanation.who.value


def reactions() -> str:
    """The documentation's page: what each fact leads to, and what each reason asks of whom."""
    lines = [
        "# Reactions",
        "",
        "Made from the chart by `uv run python -m lab generate`; do not edit.",
        "",
        "## What happens on what",
        "",
        "Where several answers stand, the first whose condition holds is given. In states that are",
        "not named a fact is ignored, counted and journalled.",
        "",
    ]
    rows: list[list[str]] = []
    for fact in FACTS:
        stories = _by_story(fact) or {"noted, nothing else": ["everywhere"]}
        for i, (story, where) in enumerate(stories.items()):
            what = f"`{fact.name}`<br>{_sentence(fact)}" if i == 0 else ""
            rows.append([what, ", ".join(where), story])
    lines += _table(["what happened", "in", "what follows"], rows)
    lines += [
        "",
        "## What is so in every state",
        "",
        "Asked and done before the above, in every state. What is not believed is stale: it is",
        "ignored, counted and journalled.",
        "",
        *_table(["fact", "believed if it is", "what is remembered"], _everywhere()),
        "",
        "## What happens by itself",
        "",
        *_table(["in", "as soon as", "what follows"], _eventless()),
        "",
        "## Reasons",
        "",
        "The code is what `--json` prints and the journal keeps.",
        "",
        *_table(
            ["code", "what it means", "who can change it", "what to do"],
            (
                [f"`{r.value}`", r.explanation.sentence, _who(r), r.explanation.advice]
                for r in Reason
            ),
        ),
    ]
    return "\n".join(lines) + "\n"
