"""Lines that can be typed as they are shown: they repeat which session is meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli.calling import Cli
from wa_supervisor.cli.commands import HOMES
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.errors import StoreError
from wa_supervisor.hints import Action, Hint
from wa_supervisor.lifecycle import Reason
from wa_supervisor.store import SessionFiles


@pytest.mark.parametrize(
    ("options", "text", "typed"),
    [
        (SessionOptions(), "type `wa-supervisor resume`", "type `wa-supervisor resume`"),
        (SessionOptions(), "wa-supervisor run --session a", "wa-supervisor run --session a"),
        (
            SessionOptions(session="b", config=Path("c")),
            "wa-supervisor stop --session a; wa-supervisor run",
            "wa-supervisor stop --session b --config c; wa-supervisor run --session b --config c",
        ),
        (
            SessionOptions(data_dir=Path("/a b/$c")),
            "wa-supervisor run --session a",
            "wa-supervisor run --session a --data-dir '/a b/$c'",
        ),
        (
            SessionOptions(session="b"),
            "pip install -U wa-supervisor",
            "pip install -U wa-supervisor",
        ),
        (SessionOptions(session="b"), "wa-supervisor demo", "wa-supervisor demo"),
    ],
)
def test_a_line_repeats_what_was_given_and_nothing_else(
    options: SessionOptions, text: str, typed: str
) -> None:
    assert options.repeat_in(text) == typed


def test_every_action_of_a_reason_can_be_typed_for_the_session() -> None:
    options = SessionOptions(session="shop")
    for reason in Reason:
        advice = options.advice(*reason.explanation.hints)
        assert advice.count("--session shop") == advice.count("`wa-supervisor "), reason


@pytest.mark.parametrize(
    ("hint", "typed"),
    [
        (Hint(Action.RESUME), "`wa-supervisor resume --data-dir x`"),
        (
            Hint(Action.STOP, first="wait", note="or not", session="b"),
            "wait, then `wa-supervisor stop --session b --data-dir x`; or not",
        ),
        (
            Hint(Action.INSTALL, "wa-supervisor[postgres]"),
            "`pip install 'wa-supervisor[postgres]'`",
        ),
        (Hint(Action.RUN_AS, "#12345"), "`sudo -u '#12345' ...`"),
        (Hint(Action.MAKE_PRIVATE, "/a b"), "`chmod go= '/a b'`"),
        (Hint(Action.SET, "database", note="see docs"), "check the setting database; see docs"),
        (Hint(note="`wa-supervisor run` again"), "`wa-supervisor run --data-dir x` again"),
    ],
)
def test_a_hint_is_a_command_where_there_is_one(hint: Hint, typed: str) -> None:
    assert SessionOptions(data_dir=Path("x")).advice(hint) == typed


def test_several_hints_are_typed_one_after_another() -> None:
    hints = Hint(Action.UPGRADE, "neonize"), Hint(Action.RESUME)
    typed = "`pip install --upgrade neonize`, then `wa-supervisor resume`"
    assert SessionOptions().advice(*hints) == typed


def test_every_command_of_a_hint_exists() -> None:
    for action in Action:
        found = re.match(r"`wa-supervisor (\w+)`", SessionOptions().advice(Hint(action, "x")))
        assert found is None or found[1] in HOMES, action


def test_the_hint_of_an_error_is_one_of_them() -> None:
    with pytest.raises(StoreError) as caught, SessionOptions(data_dir=Path("x")).advising():
        raise StoreError("it broke", hint="`wa-supervisor status`")
    assert str(caught.value.hint) == "`wa-supervisor status --data-dir x`"
    with pytest.raises(StoreError) as caught, SessionOptions(data_dir=Path("x")).advising():
        raise StoreError("it broke")
    assert caught.value.hint is None


@pytest.mark.parametrize("command", ["status", "stop", "resume", "relink", "restore", "purge"])
def test_what_is_told_to_try_finds_the_same_session(
    tmp_path: Path, program: Cli, command: str
) -> None:
    data = tmp_path / "some where"
    SessionFiles.open("shop", data)
    yes = ["--yes"] if command in {"relink", "restore", "purge"} else []
    own = ["--session", "shop", "--data-dir", str(data)]
    parts = program(command, *own, *yes).said.replace("\n", "`").split("`")
    lines = [part for part in parts if "wa-supervisor r" in part or "wa-supervisor s" in part]
    assert lines
    for line in lines:
        words = shlex.split(line[line.index("wa-supervisor ") :])
        assert words[2:6] == own, line
