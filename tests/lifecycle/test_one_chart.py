"""One chart serves every session: what a session does is the same as if it had one for itself."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_supervisor.lifecycle import Phase, Policy, Session, SessionCore, core, facts
from wa_supervisor.testing.samples import every_fact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wa_supervisor.lifecycle import Step
    from wa_supervisor.lifecycle.facts import Fact

FACTS = every_fact(1)
LIVES = st.lists(st.lists(st.sampled_from(FACTS), max_size=30), min_size=2, max_size=4)


def lived(life: list[Fact], policy: Policy) -> Iterator[Step]:
    """One life, a fact a second; each `next` is a step."""
    one = SessionCore(policy=policy, jitter=lambda: 0.5)
    yield one.handle(facts.Start(), 0.0)
    for second, fact in enumerate(life):
        yield one.tick(float(second)) or one.handle(fact, float(second))


@given(LIVES, st.randoms(use_true_random=False))
def test_interleaved_sessions_live_as_each_would_alone(
    lives: list[list[Fact]], random: object
) -> None:
    policies = [Policy(), Policy.model_validate({"dials": {"count": 1, "window": 5}})]
    alone = [list(lived(life, policies[i % 2])) for i, life in enumerate(lives)]
    running = {i: lived(life, policies[i % 2]) for i, life in enumerate(lives)}
    together: list[list[Step]] = [[] for _ in lives]
    while running:
        i = random.choice(sorted(running))  # type: ignore[attr-defined]
        step = next(running[i], None)
        if step is None:
            del running[i]
        else:
            together[i].append(step)
    assert together == alone
    assert len(core._IDLE) == 1


def test_a_chart_that_one_session_stopped_in_serves_the_next() -> None:
    one, other = (SessionCore(jitter=lambda: 0.5) for _ in range(2))
    one.handle(facts.Start(), 0.0)
    assert one.handle(facts.Stop(), 0.0).phase_after is Phase.STOPPED
    other.handle(facts.Start(), 0.0)
    assert other.handle(facts.Connected(1), 0.0).phase_after is Phase.ONLINE


def test_threads_that_decide_at_once_do_not_meet_in_one_chart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two supervisors may run in two threads of one program."""
    monkeypatch.setattr(core, "_IDLE", [])
    policy = Policy.model_validate({"dials": {"count": 1000, "window": 1}})
    life: list[Fact] = [facts.Connected(1), facts.Disconnected(1), facts.KeepAliveTimeout(1, 1)]
    expected = list(lived(life * 30, policy))
    found: list[list[Step]] = []
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: found.append(list(lived(life * 30, policy))))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(switching)
    assert found == [expected] * 4
    assert 1 <= len(core._IDLE) <= 4


def test_a_core_holds_nothing_but_its_session() -> None:
    one = SessionCore(jitter=lambda: 0.5)
    one.handle(facts.Start(), 0.0)
    kinds = {type(value) for value in vars(one).values()}
    assert {kind.__name__ for kind in kinds} == {"Session", "Policy", "Counter", "function"}


def test_a_fact_that_raises_spoils_no_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_IDLE", [])
    with pytest.raises(AttributeError):
        SessionCore(Session(spent=None), jitter=lambda: 0.5).handle(facts.Start(), 0.0)  # type: ignore[arg-type]
    assert core._IDLE == []
    assert SessionCore(jitter=lambda: 0.5).handle(facts.Start(), 0.0).taken
