"""Every reachable state of the core and its environment. The invariants are checked on every edge.

The default bounds take seconds; `WALK=all` walks every small policy (minutes).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from lab.verification.explore import POLICIES, explore
from wa_supervisor.lifecycle import Backoff, Child, Phase, Policy, SessionChart, facts
from wa_supervisor.lifecycle.model import CONNECTED
from wa_supervisor.testing import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.verification.explore import Graph

pytestmark = pytest.mark.timeout(600)
ENDLESS = "retries without end"


@pytest.fixture
def graph(walked_policy: str, walk: Callable[[str, bool], Graph]) -> Graph:
    return walk(walked_policy, walked_policy != ENDLESS)


def test_every_phase_is_reached(graph: Graph) -> None:
    assert {node.phase for node in graph.edges} == set(Phase)


def test_connected_can_be_reached_from_everywhere_but_stopped(graph: Graph) -> None:
    up = {node for node in graph.edges if node.phase in CONNECTED}
    assert graph.reaching(up) == set(graph.edges)  # from Stopped by the next start


def test_time_and_owed_answers_alone_lead_out_of_every_waiting_state(graph: Graph) -> None:
    """With no news but what is owed, only what may rest is at rest: nothing sticks."""
    rest = CONNECTED | {Phase.GAVE_UP, Phase.STOPPED}
    for node, moves in graph.edges.items():
        if node.phase in rest or (
            node.phase is Phase.INIT and node.environment.child is Child.NONE
        ):
            continue
        rings = [m for m in moves if m.step and isinstance(m.step.fact, facts.Alarm)]
        assert rings, node


def test_a_healthy_world_brings_every_wait_to_an_end(graph: Graph) -> None:
    """Clocks ring, children exit, work is done, the inbox is read: that alone ends every wait."""
    waits = {Phase.LOGGED_OUT, Phase.PURGING, Phase.BACKOFF}
    ends = {node for node in graph.edges if node.phase not in waits}
    back: dict[object, set[object]] = {}
    for here, moves in graph.edges.items():
        for move in moves:
            if move.step and isinstance(
                move.step.fact,
                facts.Alarm
                | facts.ChildExited
                | facts.PurgeDone
                | facts.RestoreDone
                | facts.InboxDrained
                | facts.DialAllowed,
            ):
                back.setdefault(move.to, set()).add(here)
    seen: set[object] = set(ends)
    todo: list[object] = list(ends)
    while todo:
        for node in back.get(todo.pop(), set()) - seen:
            seen.add(node)
            todo.append(node)
    assert seen == set(graph.edges)


def test_only_logged_out_leads_into_purging() -> None:
    sources = {
        transition.source.value
        for state in SessionChart.states_map.values()
        for transition in state.transitions
        if any(target.value is Phase.PURGING for target in transition.targets)
    }
    assert sources == {Phase.LOGGED_OUT}


def test_every_fact_of_the_world_is_walked_in_every_phase_it_can_come_in(graph: Graph) -> None:
    pairs: Counter[tuple[Phase, str]] = Counter()
    for moves in graph.edges.values():
        for move in moves:
            if move.step:
                pairs[move.step.phase_before, move.step.fact.name] += 1
    assert len(pairs) > 250


def test_the_walk_tells_the_shortest_way_to_a_broken_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wa_supervisor.lifecycle.actions.Actions.hide_code", _nothing)
    monkeypatch.setattr("wa_supervisor.lifecycle.core._IDLE", [])  # charts keep what they call
    with pytest.raises(Broken, match="a_code_is_shown_only_in_pairing") as broken:
        explore(POLICIES["no retries"])
    story = str(broken.value).splitlines()
    assert [line.strip().partition(" ")[0] for line in story[1:]] == ["Init:", "Init:", "Pairing:"]


def _nothing(_chart: object) -> None:
    pass


def test_what_grows_without_bound_is_told_and_not_walked_for_ever() -> None:
    with pytest.raises(Broken, match="more than 50 states"):
        explore(POLICIES["no retries"], most=50)
    with pytest.raises(ValueError, match="at most 3 retries"):
        explore(Policy(backoff=Backoff(max_retries=10)))
