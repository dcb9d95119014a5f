"""`wa-supervisor explain`: every reason has an entry that says who must act and what to type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli.exits import GIVE_UP
from wa_supervisor.lifecycle import Reason, Who

if TYPE_CHECKING:
    from cli.calling import Cli


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(program: Cli, reason: Reason) -> None:
    answer = program("explain", reason.value, "--session", "shop")
    assert answer.code == 0
    said = " ".join(answer.out.split())
    assert reason.explanation.sentence in said
    assert ("must act" in said) or reason.explanation.who is Who.NOBODY
    if reason in GIVE_UP:
        assert f"exit code {GIVE_UP[reason].value}" in said
    for line in answer.out.splitlines():
        assert len(line) <= 80 or "`" in line
    assert "wa-supervisor resume`" not in said  # it is typed with the session's name


def test_without_a_reason_all_are_listed(program: Cli) -> None:
    answer = program("explain")
    assert answer.code == 0
    for reason in Reason:
        assert f"  {reason.value} " in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_as_data_it_says_the_same(program: Cli) -> None:
    answer = program("explain", "--json")
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [each["reason"] for each in found] == [each.value for each in Reason]
    banned = next(each for each in found if each["reason"] == "banned")
    assert (banned["who"], banned["exit_code"]) == ("phone", 77)


@pytest.mark.parametrize("written", ["[banned]", "BANNED", " banned "])
def test_a_reason_is_taken_as_it_is_shown(program: Cli, written: str) -> None:
    assert program("explain", written).out.startswith("banned\n")


def test_one_that_is_mistyped_is_guessed(program: Cli) -> None:
    answer = program("explain", "crash-lop")
    assert answer.code == 2
    assert "did you mean crash_loop?" in answer.err
