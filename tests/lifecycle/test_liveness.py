"""What must come comes: on every state the real core can reach, under weak fairness."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

import pytest

from lab.verification.explore import POLICIES, explore
from lab.verification.liveness import HEALTHY, HOSTILE, fails_to_reach
from wa_supervisor.lifecycle import Clock, DeadKeysPlan, Phase
from wa_supervisor.lifecycle.actions import Actions
from wa_supervisor.lifecycle.guards import Guards
from wa_supervisor.lifecycle.model import CONNECTED
from wa_supervisor.testing.environment import RESTING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.verification.explore import Graph, Node

pytestmark = pytest.mark.timeout(600)
BOUNDED, ENDLESS = "no retries", "retries without end"
UP = CONNECTED | {Phase.PAIRING}


@pytest.fixture
def walked(walked_policy: str, walk: Callable[[str, bool], Graph]) -> tuple[str, Graph]:
    return walked_policy, walk(walked_policy, False)


def plan(node: Node) -> DeadKeysPlan | None:
    """What is to become of the keys."""
    return next((field for field in node.facts if isinstance(field, DeadKeysPlan)), None)


def is_up(node: Node) -> bool:
    return node.phase in UP


def gave_up(node: Node) -> bool:
    return node.phase is Phase.GAVE_UP


def test_in_a_healthy_world_a_session_comes_up_from_everywhere(walked: tuple[str, Graph]) -> None:
    policy, graph = walked
    held = {DeadKeysPlan.HOLD, DeadKeysPlan.TRY}
    sources = [n for n in graph.edges if n.phase not in {Phase.GAVE_UP, Phase.STOPPED}]
    sources = [n for n in sources if plan(n) not in held]
    goal = is_up if policy == ENDLESS else lambda n: is_up(n) or gave_up(n)
    assert len(sources) > 300
    assert fails_to_reach(graph, sources, goal, world=HEALTHY, hostile=False) is None


def test_an_account_that_is_held_is_told(walked: tuple[str, Graph]) -> None:
    _, graph = walked
    held = [n for n in graph.edges if n.phase is Phase.LOGGED_OUT and plan(n) is DeadKeysPlan.HOLD]
    assert held
    assert fails_to_reach(graph, held, gave_up, world=HEALTHY, hostile=False) is None
    # And it does not come up by itself: the same question, asked wrongly, is refuted.
    assert fails_to_reach(graph, held, is_up, world=HEALTHY, hostile=False) is not None


@pytest.mark.parametrize("phase", [p for p in Phase if p not in RESTING])
def test_time_alone_leads_out_of_every_state_whatever_happens(
    walked: tuple[str, Graph], phase: Phase
) -> None:
    _, graph = walked
    here = [node for node in graph.edges if node.phase is phase]
    assert here
    left = fails_to_reach(graph, here, lambda n: n.phase is not phase, world=HOSTILE, hostile=True)
    assert left is None, str(left)


def test_a_run_may_stay_connected_or_given_up_for_ever(walked: tuple[str, Graph]) -> None:
    """The check can fail: what may rest is said to rest."""
    _, graph = walked
    for phase in (Phase.ONLINE, Phase.GAVE_UP):
        here = [node for node in graph.edges if node.phase is phase]
        elsewhere = {node for node in graph.edges if node.phase is not phase}
        assert fails_to_reach(graph, here, elsewhere.__contains__, world=HOSTILE, hostile=True)


FORGETS: dict[str, tuple[Clock, Phase]] = {
    "purge_files": (Clock.FILES, Phase.PURGING),
    "stop_child": (Clock.STOP, Phase.LOGGED_OUT),
    "start_child": (Clock.START, Phase.INIT),
    "await_redial": (Clock.RECONNECT, Phase.RECONNECTING),
}
"""Actions, the clock that each sets, and where a session sticks if it forgets to."""


@pytest.fixture(scope="module")
def forgetful() -> Graph:
    """A chart that is wrong on purpose: its actions forget their clocks, and no wait is over."""
    with pytest.MonkeyPatch.context() as patch:
        for action, (clock, _) in FORGETS.items():
            patch.setattr(Actions, action, forgetting(getattr(Actions, action), clock))
        patch.setattr(Guards, "retry_due", property(lambda _: False))
        patch.setattr("wa_supervisor.lifecycle.core._IDLE", [])  # charts keep what they call
        patch.setattr("lab.verification.explore.check", lambda *_: None)
        return explore(POLICIES[BOUNDED])


def forgetting(sound: Callable[..., None], clock: Clock) -> Callable[..., None]:
    @wraps(sound)  # the chart hands over what the signature asks for
    def forgetful(self: Actions, *args: object, **named: object) -> None:
        sound(self, *args, **named)
        self.session.clocks.pop(clock, None)

    return forgetful


@pytest.mark.parametrize("phase", [*(phase for _, phase in FORGETS.values()), Phase.BACKOFF])
def test_a_phase_that_no_clock_ends_is_refuted(forgetful: Graph, phase: Phase) -> None:
    here = [node for node in forgetful.edges if node.phase is phase]
    assert here
    assert fails_to_reach(
        forgetful, here, lambda n: n.phase is not phase, world=HOSTILE, hostile=True
    )
