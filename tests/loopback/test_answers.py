from __future__ import annotations

import pytest

from wa_loopback.answers import Failure, Script, StreamError
from wa_loopback.nodes import Node


def test_a_failure_says_only_what_was_given() -> None:
    assert Failure(401).node() == Node("failure", {"reason": "401"})
    ban = {"reason": "402", "code": "101", "expire": "3600"}
    assert Failure(402, code=101, expire=3600).node() == Node("failure", ban)


def test_a_stream_error_has_a_code_or_a_conflict_or_both() -> None:
    conflict = (Node("conflict", {"type": "replaced"}),)
    assert StreamError("515").node() == Node("stream:error", {"code": "515"})
    assert StreamError(conflict="replaced").node() == Node("stream:error", {}, conflict)
    both = StreamError("401", "replaced").node()
    assert both == Node("stream:error", {"code": "401"}, conflict)


def test_a_script_is_played_in_order_and_then_the_usual_answer_is_given() -> None:
    script = Script("usual")
    script.write("first", 2)
    script.write("second", 1)
    assert [script.next() for _ in range(5)] == ["first", "first", "second", "usual", "usual"]


def test_an_endless_answer_lasts_until_it_is_cleared() -> None:
    script = Script("usual")
    script.write("always", None)
    assert [script.next() for _ in range(3)] == ["always"] * 3
    script.clear()
    assert script.next() == "usual"


@pytest.mark.parametrize("times", [0, -1])
def test_an_answer_for_nobody_is_refused(times: int) -> None:
    with pytest.raises(ValueError, match="times"):
        Script("usual").write("never", times)
