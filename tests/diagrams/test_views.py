from __future__ import annotations

import pytest

from wa_supervisor.diagrams.chart import EDGES, PLACES, landing
from wa_supervisor.diagrams.formats import View
from wa_supervisor.diagrams.views import VIEWS, draw, find_state
from wa_supervisor.errors import ConfigError
from wa_supervisor.lifecycle import Phase, State


def test_every_view_can_be_asked_for_by_name() -> None:
    assert set(VIEWS) == {v.value for v in View}


def test_the_overview_shows_the_seven_states_and_no_sub_states() -> None:
    leaves = draw().places - draw().compounds
    assert {PLACES[p].name for p in leaves} == {s.value for s in State} - {"Stopped"}


def test_the_full_view_shows_every_transition() -> None:
    shown = {(a.target, line) for a in draw("full").arrows for line in a.lines}
    assert {p.id for p in PLACES.values()} <= draw("full").places
    for edge in EDGES:
        target = landing(edge.target) if edge.target else edge.source
        assert any(target == t for t, _ in shown), edge


@pytest.mark.parametrize("phase", Phase)
def test_the_surroundings_of_a_state_are_the_arrows_that_touch_it(phase: Phase) -> None:
    place = find_state(phase.value)
    drawing = draw("full", phase.value)
    assert drawing.lit == {place}
    assert place in drawing.places
    assert drawing.arrows


def test_a_state_may_be_written_in_any_case() -> None:
    assert find_state("loggedout") == find_state("LoggedOut") == find_state("logged_out")


def test_a_sub_state_is_shown_as_its_state_where_there_are_none() -> None:
    assert draw("overview", "Pairing.linking").lit == {"pairing"}
    assert draw("overview", "Connected.degraded").lit == {"connected"}


def test_an_unknown_state_is_told_the_choices() -> None:
    with pytest.raises(ConfigError, match="'Asleep'") as refused:
        draw("overview", "Asleep")
    assert "LoggedOut" in str(refused.value.hint)


def test_an_unknown_view_is_told_the_choices() -> None:
    with pytest.raises(ConfigError, match="'underview'") as refused:
        draw("underview")
    assert "overview" in str(refused.value.hint)
