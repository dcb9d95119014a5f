"""The total table: every fact in every phase is a step or is ignored, and nothing ever raises."""

from __future__ import annotations

import itertools
import logging
from typing import get_args

import pytest
from pydantic import SecretStr

from wa_supervisor.lifecycle import (
    Child,
    Clock,
    DeadKeysPlan,
    Phase,
    Policy,
    Reason,
    Session,
    SessionChart,
    SessionCore,
    Work,
    effects,
    facts,
)
from wa_supervisor.lifecycle.chart import BELIEVED, NOTED, TRIGGERS
from wa_supervisor.lifecycle.facts import FACTS, Alarm, ChildFact, Fact
from wa_supervisor.lifecycle.guards import reason_of
from wa_supervisor.lifecycle.reasons import EXPLANATIONS
from wa_supervisor.testing.samples import every_fact

ALL = every_fact()


def test_this_table_knows_every_fact_there_is() -> None:
    kinds = {kind for kind in vars(facts).values() if isinstance(kind, type)}
    every = {kind for kind in kinds if issubclass(kind, Fact)} - {Fact, ChildFact, Alarm}
    assert {type(fact) for fact in ALL} == set(FACTS.values()) == every


def test_every_name_is_said_once_and_by_hand() -> None:
    """A class may be renamed; what is on the wire, in the journal and in --json may not."""
    assert [kind.name for kind in FACTS.values()] == list(FACTS)
    names = {kind.name for kind in get_args(effects.Effect)}
    assert len(names) == len(get_args(effects.Effect))


def test_every_trigger_has_a_fact_and_every_fact_a_trigger_or_none() -> None:
    """The library ignores an unknown trigger without a word."""
    moves = [move for state in SessionChart.states_map.values() for move in state.transitions]
    events = {event.id for move in moves for event in move.events} - {None, ""}
    assert {fact.trigger for fact in ALL if fact.trigger} == events


def test_a_fact_without_a_trigger_is_one_to_be_told_and_nothing_more() -> None:
    told = {fact.name for fact in ALL if fact.trigger is None}
    assert told == {"StreamError", "BotBusy", "BotFree", "ProbeFailed"}


def test_what_is_believed_and_noted_is_asked_and_made_by_name() -> None:
    for names in (BELIEVED, NOTED):
        for kind, name in names.items():
            assert callable(getattr(SessionChart, name)), kind
    assert {kind for kind in FACTS.values() if issubclass(kind, ChildFact | Alarm)} <= set(BELIEVED)


@pytest.mark.parametrize("phase", Phase)
def test_every_fact_in_every_phase_is_taken_or_ignored_and_never_raises(phase: Phase) -> None:
    """Also what the shell promises never to send, in models no history leads to."""
    core = SessionCore(Session(), Policy(), jitter=lambda: 0.999)
    session = core.session
    taken = 0
    for child, work, sequel, clocks in itertools.product(
        Child, Work, [None, DeadKeysPlan.PURGE, DeadKeysPlan.TRY], [set(), set(Clock)]
    ):
        for fact in ALL:
            session.phase, session.generation = phase, 1
            session.child, session.work, session.dead_keys_plan = child, work, sequel
            session.dead_keys_reason = Reason.LOGGED_OUT if sequel else None
            session.clocks = dict.fromkeys(clocks, 5.0)
            session.spent = {}
            step = core.handle(fact, 5.0)
            assert (step.phase_before, step.phase_after) == (phase, session.phase)
            assert step.phase_after is Phase.STOPPED or phase is not Phase.STOPPED
            assert step.taken or not step.effects
            taken += step.taken
    assert taken


@pytest.mark.parametrize("fact", ALL, ids=lambda fact: fact.name)
def test_every_fact_that_can_end_a_phase_has_a_reason_a_person_is_told(fact: Fact) -> None:
    if fact.trigger in {
        None,
        "start",
        "pair_succeeded",
        "link_established",
        "scan_unusable",
        "inbox_drained",
        "dials_held",
        "dial_allowed",
    }:
        return
    if isinstance(fact, facts.NetworkBack):
        return
    if fact.trigger in {"keepalive_missed", "keepalive_restored", "stayed_up", "backoff_elapsed"}:
        return
    if isinstance(fact, facts.NothingToRestore):
        return
    assert reason_of(fact).explanation.sentence


def test_every_reason_has_a_sentence_and_who_acts_has_an_action() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    for explanation in EXPLANATIONS.values():
        assert explanation.sentence.endswith(".")
        assert bool(explanation.hints) == (explanation.who.name != "NOBODY")
        assert explanation.advice == ", then ".join(map(str, explanation.hints))
        assert str(explanation).startswith(explanation.sentence)
        assert str(explanation).endswith(explanation.advice)


def test_ignored_facts_are_counted_by_phase_and_name() -> None:
    core = SessionCore(jitter=lambda: 0.0)
    for _ in range(3):
        core.handle(facts.Resume(), 0.0)
    assert core.ignored == {(Phase.INIT, "Resume"): 3}


def test_no_clock_rings_before_its_time() -> None:
    core = SessionCore(jitter=lambda: 0.0)
    assert core.tick(0.0) is None
    core.handle(facts.Start(), 0.0)
    assert core.deadline == 90.0
    assert core.tick(89.9) is None
    assert not core.handle(facts.StartTimedOut(), 89.9).taken
    step = core.tick(90.0)
    assert step is not None
    assert step.fact == facts.StartTimedOut()


def test_the_earliest_of_two_clocks_rings_first() -> None:
    core = SessionCore(jitter=lambda: 0.0)
    core.handle(facts.Start(), 0.0)
    core.handle(facts.DialFailed(1, ""), 0.0)
    rung = [core.tick(1e6), core.tick(1e6), core.tick(1e6)]
    names = [step and step.fact.name for step in rung]
    assert names == ["BackoffElapsed", "StopTimedOut", None]


def test_the_table_of_triggers_is_the_charts_own() -> None:
    assert TRIGGERS[Phase.STOPPED] == frozenset()
    assert "stop" in set.intersection(*(set(TRIGGERS[p]) for p in Phase if p is not Phase.STOPPED))


def test_a_secret_is_in_no_repr_and_no_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle: list[SessionChart] = []
    monkeypatch.setattr("wa_supervisor.lifecycle.core._IDLE", idle)  # it logs if made now
    qr, code = "2@CANARY-QR", "CANARY88"
    caplog.set_level(logging.DEBUG)
    core = SessionCore(jitter=lambda: 0.0)
    log = logging.getLogger("test")
    core.handle(facts.Start(), 0.0)
    for fact in (
        facts.QrOffered(1, SecretStr(qr), 60.0),
        facts.PairCodeOffered(1, SecretStr(code), 160.0),
        facts.PairSucceeded(1),
        facts.Connected(1),
    ):
        step = core.handle(fact, 0.0)
        log.info("%s %r %r %r", step, step, step.effects, core.session)
        chart = idle[-1]
        log.info("%r %r %r %r", chart, vars(chart), chart.outbox, vars(chart._engine))
        log.info("%r", list(chart._engine.external_queue.queue.queue))
    assert "statemachine" in {record.name.partition(".")[0] for record in caplog.records}
    assert qr not in caplog.text
    assert code not in caplog.text
