"""The chart against the reference, over random lives on a virtual clock, in a bad environment.

`HYPOTHESIS_PROFILE=soak pytest tests/lifecycle/test_properties.py` runs 10^6 facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lifecycle.reference import Reference
from wa_supervisor.lifecycle import effects, facts
from wa_supervisor.testing import VirtualSession, as_test
from wa_supervisor.testing.strategies import (
    MOVES,
    SECONDS,
    facts_for,
    forged_facts,
    policies,
    settle,
)

if TYPE_CHECKING:
    from wa_supervisor.lifecycle import Policy, Session
    from wa_supervisor.lifecycle.effects import Effect


def in_words(effect: Effect) -> str:
    match effect:
        case effects.StartChild(generation, left_out):
            return f"StartChild {generation} {sorted(left_out)}"
        case effects.Probe(generation) | effects.ReportCrash(facts.ChildExited(generation)):
            return f"{effect.name} {generation}"
        case effects.TakeSnapshot(only_if_none):
            return f"TakeSnapshot {only_if_none}"
        case effects.StopChild(generation, log_out, pairing):
            return f"StopChild {generation} {log_out} {pairing}"
        case effects.PurgeSession(reason) | effects.Notify(reason):
            return f"{effect.name} {reason.value}"
        case _:
            return effect.name


def seen(session: Session) -> dict[str, Any]:
    return {
        "phase": session.phase.value.removeprefix("Connected.").removeprefix("Pairing."),
        "reason": session.reason and session.reason.value,
        "cause": session.cause and session.cause.value,
        "retries": session.retries,
        "strikes": session.strikes,
        "generation": session.generation,
        "child": session.child.value,
        "work": session.work.value,
        "dead": session.dead_keys_plan and session.dead_keys_plan.value,
        "given_up": session.given_up and session.given_up.value,
        "not_before": session.not_before,
        "clocks": {clock.value: at for clock, at in session.clocks.items()},
    }


def to_the_microsecond(value: object) -> object:
    """Sums of times may be taken in another order."""
    if isinstance(value, dict):
        return {name: to_the_microsecond(held) for name, held in value.items()}
    return round(value, 6) if isinstance(value, float) else value


class Lives(RuleBasedStateMachine):
    policy: Policy
    play: VirtualSession
    reference: Reference
    followed = 0

    @initialize(policy=policies(), sample=st.floats(0, 1, exclude_max=True))
    def begin(self, policy: Policy, sample: float) -> None:
        self.policy, self.sample = policy, sample
        self.play = VirtualSession(policy, jitter=lambda: sample)
        self.reference = Reference(policy)
        self.play.happen(facts.Start())

    def follow(self) -> None:
        """Tell the reference what happened since, and compare every step's effects."""
        entries = self.play.entries
        for at, step in ((e.at, e.step) for e in entries[self.followed :]):
            if step is None:
                self.reference.restart()
                continue
            event(f"{step.phase_before.value} {step.fact.name}")
            asked = self.reference.happen(step.fact, at, self.sample)
            assert sorted(map(in_words, step.effects)) == asked, step
        self.followed = len(entries)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        self.play.happen(data.draw(facts_for(self.play.environment)))

    @rule(data=st.data())
    def something_happens_twice(self, data: st.DataObject) -> None:
        fact = data.draw(facts_for(self.play.environment))
        self.play.happen(fact)
        self.play.happen(fact)

    @rule(move=st.sampled_from(sorted(MOVES)))
    def life_goes_on(self, move: str) -> None:
        MOVES[move](self.play)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.play.advance(seconds)

    @rule(data=st.data())
    def something_forged_comes(self, data: st.DataObject) -> None:
        """What the shell promises never to send: answers unasked for, alarms by hand."""
        self.play.happen(data.draw(forged_facts(self.play.generation - 1)))

    @rule()
    def all_is_answered(self) -> None:
        settle(self.play)

    @invariant()
    def agrees(self) -> None:
        self.follow()
        session, reference = self.play.session, self.reference
        expected = {name: getattr(reference, name) for name in seen(session)}
        assert to_the_microsecond(seen(session)) == to_the_microsecond(expected)
        assert to_the_microsecond(session.ban_until or 0.0) == to_the_microsecond(
            reference.ban_until
        )
        spent = {budget.value: [*times] for budget, times in session.spent.items() if times}
        assert spent == {budget: times for budget, times in reference.spent.items() if times}

    def teardown(self) -> None:
        if hasattr(self, "play"):
            steps = [(e.at, e.step) for e in self.play.entries]
            note(self.play.story)
            numbers = self.policy.model_dump(mode="json", exclude_defaults=True)
            policy = f"Policy.model_validate({numbers!r}), jitter=lambda: {self.sample!r}"
            note(as_test("it_happened", steps, policy))


class OneThird(Lives):
    """A third of the lives, as a test of its own: the thirds run side by side.

    Hypothesis takes its seed from the class where the profile wants the same lives each time.
    """


class AnotherThird(Lives):
    """As many again."""


class LastThird(Lives):
    """And as many again."""


def _third(lives: type[Lives]) -> Any:
    case = lives.TestCase
    case.settings = settings(max_examples=settings().max_examples // 3)
    return pytest.mark.long(pytest.mark.timeout(36_000)(case))


TestOneThird = _third(OneThird)
TestAnotherThird = _third(AnotherThird)
TestLastThird = _third(LastThird)
