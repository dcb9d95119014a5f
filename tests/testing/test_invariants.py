"""Each promise can be broken: no check is there for show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from wa_supervisor.lifecycle import (
    Backoff,
    Budget,
    Child,
    Clock,
    DeadKeysPlan,
    Phase,
    Policy,
    Reason,
    Session,
    Step,
    Work,
    effects,
    facts,
)
from wa_supervisor.testing import INVARIANTS, Broken, Edge, Environment, Keys, check
from wa_supervisor.testing.samples import CANARY

COPY = (effects.TakeSnapshot(only_if_none=True),)
GOOD = Edge(
    before=Session(generation=1, child=Child.RUNNING, clocks={Clock.START: 90.0}),
    environment_before=Environment(child=Child.RUNNING, generation=1),
    step=Step(facts.Connected(1), Phase.INIT, Phase.ONLINE, taken=True, effects=COPY),
    after=Session(phase=Phase.ONLINE, generation=1, child=Child.RUNNING),
    environment_after=Environment(child=Child.RUNNING, generation=1),
    now=5.0,
    policy=Policy(backoff=Backoff(max_retries=2)),
)

TOO_MANY_DIALS = {Budget.DIALS: tuple(float(n) for n in range(31))}
TOO_MANY_BANS = {Budget.BANS: (1.0, 2.0, 3.0)}
START = (effects.StartChild(2),)

WRONG: dict[str, dict[str, dict[str, Any]]] = {
    "the_core_and_the_world_agree": {"environment_after": {"keys": Keys.DEAD}},
    "a_child_runs_only_where_one_is_wanted": {"after": {"phase": Phase.GAVE_UP}},
    "retries_stay_within_their_budget": {"after": {"retries": 3}},
    "dials_stay_within_their_budget": {"after": {"spent": TOO_MANY_DIALS}},
    "every_budget_is_kept": {"after": {"spent": TOO_MANY_BANS}},
    "no_dial_comes_early": {"before": {"not_before": 6.0}, "step": {"effects": START}},
    "gave_up_is_left_only_by_an_operator": {"before": {"phase": Phase.GAVE_UP}},
    "stopped_is_never_left": {"before": {"phase": Phase.STOPPED}},
    "time_opens_a_way_out": {"after": {"phase": Phase.BACKOFF}},
    "purging_comes_out_of_logged_out_alone": {
        "step": {"effects": (effects.PurgeSession(Reason.LOGGED_OUT),)}
    },
    "a_code_is_shown_only_in_pairing": {"environment_after": {"showing": True}},
    "giving_up_tells_a_person": {"after": {"phase": Phase.GAVE_UP}},
    "deaths_that_nobody_asked_for_are_reported": {
        "step": {"fact": facts.ChildExited(1, None, 9), "effects": ()}
    },
    "a_restart_costs_the_process_alone": {"step": {"fact": facts.Restart(), "effects": ()}},
    "a_session_is_copied_where_it_may_be_sound": {"step": {"effects": ()}},
    "the_network_is_watched_only_while_waiting": {"environment_after": {"watching": True}},
    "pairing_shows_no_old_trouble": {
        "after": {"phase": Phase.PAIRING, "reason": Reason.DIAL_FAILED}
    },
    "every_pause_has_a_reason": {"after": {"phase": Phase.PURGING}},
    "an_ignored_fact_changes_nothing": {"step": {"taken": False}},
    "what_an_old_child_says_is_ignored": {"step": {"fact": facts.Connected(0)}},
    "files_at_work_mean_dead_keys": {"after": {"work": Work.PURGING}},
    "no_secret_is_in_a_repr": {},
}


def test_a_good_step_keeps_every_promise() -> None:
    check(GOOD)


def test_this_table_has_a_row_for_every_promise() -> None:
    assert list(WRONG) == [kept.__name__ for kept in INVARIANTS]


@pytest.mark.parametrize("kept", INVARIANTS, ids=lambda kept: kept.__name__)
def test_the_promise_can_be_broken_and_is_then_told(kept: Any) -> None:
    changes = {
        name: replace(getattr(GOOD, name), **wrong) for name, wrong in WRONG[kept.__name__].items()
    }
    edge = replace(GOOD, **changes)
    if kept.__name__ == "no_secret_is_in_a_repr":
        qr = facts.QrOffered(1, SecretStr(""), 60.0)
        leak = Session(phase=Phase.ONLINE, detail=CANARY)
        edge = replace(GOOD, step=replace(GOOD.step, fact=qr), after=leak)
    assert not kept(edge)
    with pytest.raises(Broken, match=kept.__name__):
        check(edge, [kept])


def test_a_hold_is_not_dead_to_the_world() -> None:
    held = replace(GOOD.after, dead_keys_plan=DeadKeysPlan.HOLD)
    check(
        replace(GOOD, after=held, environment_after=replace(GOOD.environment_after, keys=Keys.HELD))
    )
