"""Lines that can be typed as they are shown: they repeat which session is meant."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli.calling import Cli
from wa_supervisor.cli.session_options import Chosen
from wa_supervisor.errors import StoreError
from wa_supervisor.lifecycle import Reason
from wa_supervisor.store import SessionFiles


@pytest.mark.parametrize(
    ("chosen", "text", "typed"),
    [
        (Chosen(), "type `wa-supervisor resume`", "type `wa-supervisor resume`"),
        (Chosen(), "wa-supervisor run --session a", "wa-supervisor run --session a"),
        (
            Chosen(session="b", config=Path("c")),
            "wa-supervisor stop --session a; wa-supervisor run",
            "wa-supervisor stop --session b --config c; wa-supervisor run --session b --config c",
        ),
        (
            Chosen(data_dir=Path("/a b/$c")),
            "wa-supervisor run --session a",
            "wa-supervisor run --session a --data-dir '/a b/$c'",
        ),
        (Chosen(session="b"), "pip install -U wa-supervisor", "pip install -U wa-supervisor"),
        (Chosen(session="b"), "wa-supervisor demo", "wa-supervisor demo"),
    ],
)
def test_a_line_repeats_what_was_given_and_nothing_else(
    chosen: Chosen, text: str, typed: str
) -> None:
    assert chosen.typed(text) == typed


def test_every_action_of_a_reason_can_be_typed_for_the_session() -> None:
    chosen = Chosen(session="shop")
    for reason in Reason:
        action = reason.explanation.action
        assert chosen.typed(action).count("--session shop") == action.count("`wa-supervisor ")


def test_the_hint_of_an_error_is_one_of_them() -> None:
    with pytest.raises(StoreError) as caught, Chosen(data_dir=Path("x")).telling():
        raise StoreError("it broke", hint="`wa-supervisor status`")
    assert str(caught.value.hint) == "`wa-supervisor status --data-dir x`"
    with pytest.raises(StoreError) as caught, Chosen(data_dir=Path("x")).telling():
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
