"""Every word table says exactly what the chart has: nothing missing, nothing left over."""

from __future__ import annotations

from wa_supervisor.diagrams import words
from wa_supervisor.diagrams.chart import EDGES, PLACES
from wa_supervisor.diagrams.views import CONCERNS, VIEWS, WITH_SUBSTATES, draw, lift
from wa_supervisor.lifecycle.chart import BELIEVED, NOTED

TRIGGERS = {e.trigger for e in EDGES if e.trigger}
GUARDS = {g for e in EDGES for g in e.guards}
ACTIONS = {a for e in EDGES for a in e.actions}


def test_every_state_has_a_meaning() -> None:
    assert set(words.MEANINGS) == set(PLACES)


def test_every_trigger_has_words() -> None:
    assert set(words.TRIGGERS) == TRIGGERS


def test_every_guard_has_words() -> None:
    assert set(words.GUARDS) == GUARDS


def test_every_action_has_words() -> None:
    assert set(words.ACTIONS) == ACTIONS


def test_what_is_believed_and_noted_has_words() -> None:
    assert set(words.BELIEVED) == set(BELIEVED.values())
    assert set(words.NOTES) == set(NOTED.values())


def test_the_overview_says_nothing_the_chart_does_not_have() -> None:
    assert set(words.OVERVIEW) <= {lift(e) for e in EDGES}


def test_the_overview_leaves_no_change_of_state_out_but_those_known() -> None:
    left_out = {lift(e) for e in EDGES if e.target} - set(words.OVERVIEW)
    inside = {x for x in left_out if x[0] == x[2] in WITH_SUBSTATES}
    odd = {("init", "pair_succeeded", "pairing")}  # without a code of ours
    stops = {x for x in left_out if x[1] == "stop"}
    at_start = {x for x in left_out if x[1] == "start"}
    late = {x for x in left_out if x[0] == "backoff"}  # words of a child that is being ended
    asked = {("active", "relink", "logged_out"), ("gave_up", "resume", "logged_out")}
    asked |= {("active", "restart", "backoff")}
    rare = {x for x in left_out if x[0] in {"logged_out", "purging"}}
    assert left_out == inside | odd | stops | at_start | late | asked | rare


def test_every_transition_is_in_a_view_by_concern() -> None:
    assert {e.key for e in EDGES} == set().union(*CONCERNS.values())


def test_no_label_breaks_a_mermaid_line() -> None:
    for view in VIEWS:
        for arrow in draw(view).arrows:
            assert not set(':;#"{}') & set("".join(arrow.lines)), arrow
