"""A crowd in virtual time: the command that plays a hundred thousand, with a hundred."""

from __future__ import annotations

from lab.commands.crowd import story


def test_a_crowd_starts_crashes_and_is_refused_and_none_is_lost_or_dials_out_of_turn() -> None:
    told = list(story(100, seed=1))
    assert len(told) == 5
    assert told[0].startswith("100 sessions start: all up after ")
    assert "100 dials, at most 4 at once" in told[0]
    assert "10 dials, at most 4 at once" in told[1]
    assert "breaker" not in told[2], "our own fork server is no reason to hold anybody"
    assert "none is given up" in told[3]
    assert "the breaker opened 1 times" in told[4]
