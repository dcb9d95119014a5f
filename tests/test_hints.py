"""Hints are data: a program can act on them, and a person can read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import wa_supervisor
from wa_supervisor import Action, Hint, Reason, StoreError

_COMMAND = re.compile(r"wa-supervisor \w|--\w|^(pip|apt|rm|mkdir|chmod|sudo) ")


@pytest.mark.parametrize(
    ("hint", "phrase"),
    [
        (Hint(Action.RESUME), "resume the session"),
        (Hint(Action.RESUME, first="mend the cause"), "mend the cause, then resume the session"),
        (Hint(Action.INSTALL, "neonize==0.5.2"), "install neonize==0.5.2"),
        (
            Hint(Action.CHECK_DISK, "/data", note="nothing was lost"),
            "check the free space of the disk and who owns /data; nothing was lost",
        ),
        (Hint(note="use 127.0.0.1"), "use 127.0.0.1"),
    ],
)
def test_a_hint_reads_as_a_phrase(hint: Hint, phrase: str) -> None:
    assert str(hint) == phrase


def test_no_two_actions_are_one() -> None:
    assert len({action.phrase for action in Action}) == len(Action.__members__)
    assert all(action.value == action.name.lower() for action in Action)


def test_no_action_says_what_to_type() -> None:
    assert not [action for action in Action if "wa-supervisor" in action.phrase]


def test_an_error_with_plain_words_has_a_hint_like_any_other() -> None:
    assert StoreError("it broke", hint="wait").hint == Hint(note="wait")
    assert StoreError("it broke").hint is None


def test_only_the_command_line_says_what_to_type() -> None:
    package = Path(wa_supervisor.__file__).parent
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "hint"
        for text in ast.walk(node.value)
        if isinstance(text, ast.Constant) and _COMMAND.search(str(text.value))
    ]
    assert found == []
    for reason in Reason:
        assert not re.search(r"wa-supervisor|pip|`", reason.explanation.advice), reason
