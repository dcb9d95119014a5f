"""What must come comes: fair runs in the graph that the walk of the real core found.

A property is "from each of these states, one of those is reached, given time". It fails if a run
can go round for ever without reaching one, or end before it. Only *fair* runs count: a process (a
clock, the server, whoever ends a child) that could act all the time acts at some time. This is weak
fairness, and it is decided exactly on strongly connected components: a component holds a fair run
if each process has a state in it in which it cannot act, or a move of it that stays within.

Two worlds: in the *hostile* one everything can happen in any order, and only time is sure: a clock
that stays set rings. In the *healthy* one the server lets the client in, processes end when told
to, files obey, each before its alarm, and somebody reads the inbox.

In neither are dials held: whoever holds them (`multi.dials`) gives each session its turn, which is
shown of that part by itself, and holding again and again would keep any session waiting for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import networkx as nx

from wa_supervisor.lifecycle import Child, Clock, Phase, Work, facts
from wa_supervisor.lifecycle.facts import Fact
from wa_supervisor.lifecycle.waits import ALARMS

from .explore import RESTARTS, Graph, Move, Node

Process: TypeAlias = Callable[[Node, Move], bool]
"""Whether a move from a node is one of this process."""
World: TypeAlias = Mapping[str, Process]


def _takes(move: Move, *kinds: type[Fact]) -> bool:
    """Whether the move is a step, of a fact of one of these kinds."""
    return move.step is not None and isinstance(move.step.fact, kinds)


def _leads_on(move: Move, *kinds: type[Fact]) -> bool:
    """As `_takes`, where the fact also meant something."""
    return move.step is not None and move.step.taken and _takes(move, *kinds)


def _rings(clock: Clock) -> Process:
    alarm = type(ALARMS[clock])
    return lambda _, move: _takes(move, alarm)


def _time(_: Node, move: Move) -> bool:
    return move.step is None and move.time != RESTARTS


def _beginning(node: Node, move: Move) -> bool:
    idle = node.phase is Phase.INIT and node.environment.child is Child.NONE
    return idle and _takes(move, facts.Start)


def _server(node: Node, move: Move) -> bool:
    """Let the client in, or show a QR to one that has no keys."""
    wanted = (facts.QrOffered, facts.Connected) if node.phase is Phase.INIT else (facts.Connected,)
    return node.environment.child is Child.RUNNING and _leads_on(move, *wanted)


def _reaper(node: Node, move: Move) -> bool:
    return node.environment.child is Child.STOPPING and _leads_on(move, facts.ChildExited)


def _files(node: Node, move: Move) -> bool:
    done = {
        Work.PURGING: (facts.PurgeDone,),
        Work.RESTORING: (facts.RestoreDone, facts.NothingToRestore),
        Work.NONE: (),
    }[node.environment.files]
    return _takes(move, *done)


def _reader(_: Node, move: Move) -> bool:
    """Read the inbox, so that it has room again."""
    return _leads_on(move, facts.InboxDrained)


CLOCKS: World = {clock.value: _rings(clock) for clock in Clock}
HOSTILE: World = {**CLOCKS, "beginning": _beginning, "time": _time, "reader": _reader}
"""What is sure to happen in the hostile world; all else may, but for an inbox that fills up again
and again: a session whose messages nobody reads waits for ever, as it should."""

HEALTHY: World = {
    # In good weather the answer comes before these ring: nobody scans, a link holds, a wait ends.
    **{c.value: CLOCKS[c.value] for c in (Clock.PAIRING, Clock.STABLE, Clock.RETRY)},
    "beginning": _beginning,
    "time": _time,
    "server": _server,
    "reaper": _reaper,
    "files": _files,
    "reader": _reader,
}
"""All that happens in the healthy world."""


@dataclass(frozen=True)
class Counterexample:
    """A fair run that never gets there: how it comes about, and what goes round for ever."""

    way: tuple[str, ...]
    cycle: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join([*self.way, "and then for ever:", *(self.cycle or ("nothing",))])


def fails_to_reach(
    graph: Graph,
    sources: Iterable[Node],
    goal: Callable[[Node], bool],
    *,
    world: World,
    hostile: bool,
) -> Counterexample | None:
    """Return a fair run from one of the `sources` that never reaches the goal; None if all do.

    In a `hostile` world every move may be taken and those of `world` are fair; in a healthy one
    the moves of `world` are all there are.
    """

    def allowed(node: Node, move: Move) -> bool:
        if move.step is None and move.time == RESTARTS:
            return False
        if _takes(move, facts.InboxFull):
            return False
        return hostile or any(process(node, move) for process in world.values())

    moves = {
        node: [move for move in graph.edges[node] if allowed(node, move)]
        for node in _reachable(graph, sources, goal, allowed)
    }
    arrows: nx.DiGraph[Node] = nx.DiGraph()
    arrows.add_nodes_from(moves)
    arrows.add_edges_from((node, m.to) for node, ms in moves.items() for m in ms if m.to in moves)
    for component in nx.strongly_connected_components(arrows):
        within = {node: [m for m in moves[node] if m.to in component] for node in component}
        rests = next((node for node in component if not _can_act(node, moves[node], world)), None)
        if rests is not None:
            return Counterexample(tuple(graph.path_to(rests)), ())
        if any(within.values()) and _is_fair(within, moves, world):
            entry = next(iter(component))
            cycle = {m.label for ms in within.values() for m in ms}
            return Counterexample(tuple(graph.path_to(entry)), tuple(sorted(cycle)))
    return None


def _reachable(
    graph: Graph,
    sources: Iterable[Node],
    goal: Callable[[Node], bool],
    allowed: Callable[[Node, Move], bool],
) -> set[Node]:
    """Every node on a way from a source that has not met the goal yet."""
    todo = [node for node in sources if not goal(node)]
    seen = set(todo)
    while todo:
        here = todo.pop()
        for move in graph.edges[here]:
            if move.to not in seen and allowed(here, move) and not goal(move.to):
                seen.add(move.to)
                todo.append(move.to)
    return seen


def _can_act(node: Node, moves: Iterable[Move], world: World) -> bool:
    """Whether anything is sure to happen here; else the run may end."""
    return any(process(node, move) for move in moves for process in world.values())


def _is_fair(
    within: Mapping[Node, list[Move]], moves: Mapping[Node, list[Move]], world: World
) -> bool:
    """Whether a run round this component can be fair to every process."""
    return all(
        any(process(node, move) for node, ms in within.items() for move in ms)
        or any(not any(process(node, move) for move in moves[node]) for node in within)
        for process in world.values()
    )
