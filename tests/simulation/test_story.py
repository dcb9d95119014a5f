"""The figures of a story are what they say."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lab.simulation import Story, busiest, find, random_week
from wa_supervisor.lifecycle import Phase


def played(name: str) -> Story:
    scenario = find(name)
    assert scenario is not None
    return scenario.play()


def test_the_busiest_hour_slides() -> None:
    assert busiest([]) == 0
    assert busiest([0, 3599]) == 2
    assert busiest([0, 3600]) == 1
    assert busiest([0, 1800, 3601, 5399]) == 3


@pytest.mark.parametrize("seed", range(3))
def test_the_stays_are_the_whole_story_without_gaps(seed: int) -> None:
    story = random_week(seed).play(seed)
    stays = [*story.stays()]
    assert stays[0][0] == 0
    assert stays[-1][1] == story.lasted
    assert all(a[1] == b[0] for a, b in pairwise(stays))
    assert sum(story.time_in().values()) == pytest.approx(story.lasted)


def test_a_pairing_shows_in_the_figures() -> None:
    story = played("whatsmeow-779")
    assert len(story.purges) == len(story.windows) == len(story.pairings) == 1
    assert len(story.dials) == 2
    assert story.phase_at(3000) is Phase.ONLINE
    assert story.keys_linked


def test_deafness_that_is_not_owned_up_to_is_a_lie() -> None:
    assert 20 < played("waha-1931").longest_lie() < 45
    assert played("openwa-1548").longest_lie() < 1
