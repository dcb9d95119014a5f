"""Random bad weeks: whatever comes, every invariant of the core holds."""

from __future__ import annotations

import pytest

from lab.simulation import Story, busiest, random_week
from wa_supervisor.lifecycle import Phase, facts

WEEKS = 200
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_every_invariant_holds_in_any_bad_week(part: int) -> None:
    for seed in range(part, WEEKS, PARTS):
        scenario = random_week(seed)
        story = scenario.play(seed)
        assert not story.violations, f"--seed {seed}: {story.violations}"
        assert busiest(story.dials) <= scenario.policy.dials.count, f"--seed {seed}"
        assert_nothing_was_purged_without_a_reason(story, seed)


def assert_nothing_was_purged_without_a_reason(story: Story, seed: int) -> None:
    condemned = (facts.LoggedOut, facts.Relink)
    reasons = [at for kind in condemned for at, _ in story.facts(kind)]
    for time in story.purges:
        assert any(at <= time for at in reasons), f"--seed {seed}: purge at {time}"


def test_the_weeks_are_bad_enough_to_reach_every_phase() -> None:
    unseen = {None, *Phase} - {Phase.STOPPED}
    for seed in range(40):
        unseen -= {phase for _, _, phase in random_week(seed).play(seed).stays()}
        if not unseen:
            return
    pytest.fail(f"never reached: {unseen}")


def test_a_seed_tells_the_same_story_twice() -> None:
    first, second = (random_week(7).play(7) for _ in range(2))
    assert first.entries == second.entries
    assert first.entries != random_week(8).play(8).entries
