"""`listen`, `send` and `gate` as they are typed, where no supervisor runs."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from cli.calling import Answer, Cli
from wa_supervisor.cli.exits import SENDING, Exit
from wa_supervisor.cli.listen import readable
from wa_supervisor.messages.errors import SEND_ERRORS
from wa_supervisor.store import SessionFiles, SessionLock

if TYPE_CHECKING:
    from pathlib import Path


ANN = "+4915100000001"


@pytest.fixture
def gate(program: Cli, tmp_path: Path) -> Cli:
    """Call a command below `gate` for the session `shop` in `tmp_path`."""

    def call(verb: str, *arguments: str) -> Answer:
        own = ("--session", "shop", "--data-dir", str(tmp_path))
        return program("gate", verb, *own, *arguments)

    return call


def test_every_end_of_a_send_has_an_exit_code() -> None:
    assert SENDING.keys() == SEND_ERRORS.keys()
    assert not {Exit.OK, Exit.FAILED, Exit.USAGE, Exit.STORE} & set(SENDING.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["4915100000001", "hi"], "a bare number may be a phone number or a LID"),
        (["*", "hi"], "to somebody, not to everybody"),
        (["somebody", "hi"], "names no person and no group"),
        ([ANN, ""], "there is no text to send"),
        ([ANN, "x" * (600 << 10)], "the text is too long"),
        ([ANN, "hi", "--key", "k" * 257], "--key: a key has 1 to 256 characters"),
        ([ANN, "hi", "--timeout", "0"], "--timeout"),
        ([ANN, "hi", "--when-offline", "shrug"], "--when-offline"),
        ([ANN], "TEXT"),
    ],
)
def test_what_cannot_be_sent_is_said_before_anybody_is_asked(
    shop: Cli, arguments: list[str], said: str
) -> None:
    answer = shop("send", *arguments)
    assert answer.code == Exit.USAGE
    assert said in answer.err
    assert "4915100000001" not in answer.said


def test_a_text_that_is_no_text_is_not_sent(shop: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe")))
    answer = shop("send", ANN, "-")
    assert answer.code == Exit.USAGE
    assert "not UTF-8" in answer.err


def test_without_a_supervisor_nothing_is_sent_and_what_to_type_is_said(
    shop: Cli, tmp_path: Path
) -> None:
    answer = shop("send", ANN, "hi")
    assert answer.code == Exit.STORE
    assert f"wa-supervisor run --session shop --data-dir {tmp_path}" in answer.err


@pytest.mark.parametrize("reader", ["", "../up", "a b", "x" * 65])
def test_a_reader_has_a_name(shop: Cli, reader: str) -> None:
    answer = shop("listen", "--reader", reader)
    assert answer.code == Exit.USAGE
    assert "--reader: a name has" in answer.err


def test_a_message_is_one_line_that_commands_no_terminal() -> None:
    line = readable(
        {
            "number": 7,
            "at": "2026-11-24T22:00:00+00:00",
            "sender": {"lid": "1@lid", "phone": ANN},
            "chat": "1@g.us",
            "is_group": True,
            "kind": "image",
            "redelivered": True,
            "text": "two\nlines \x1b[2J",
        }
    )
    assert line.endswith(f"{ANN} in 1@g.us (image, again): two\\nlines \\x1b[2J")


def test_a_change_without_a_supervisor_is_there_at_the_next_start(
    gate: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_GATE__ALLOW", '["+4915100000002"]')
    offline = gate("show").out
    assert "No supervisor runs" in offline
    assert max(map(len, offline.splitlines())) <= 80
    assert gate("explain", ANN).code == Exit.FAILED
    assert gate("allow", ANN).code == Exit.OK
    assert gate("deny", "+4915100000002").code == Exit.OK
    assert gate("explain", ANN).code == Exit.OK
    shown = json.loads(gate("show", "--json").out)
    assert [(each["source"], each["holds"]) for each in shown["entries"]] == [
        ("settings", False),
        ("command", True),
    ]
    words = gate("show").out
    assert "+4915100000002  (from the settings, taken off by `gate deny`)" in words
    assert f"{ANN}  (from `gate allow`)" in words
    with SessionLock(SessionFiles.open("shop", tmp_path)):  # it begins just now
        assert gate("allow", "*").code == Exit.STORE


def test_a_denial_that_lets_the_person_in_all_the_same_fails(
    gate: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_GATE__ALLOW", f'["*", "{ANN}"]')
    answer = gate("deny", ANN)
    assert answer.code == Exit.FAILED
    assert "But the person's direct messages are admitted" in answer.out
    assert "The entry is *." in answer.out


def test_a_mention_is_looked_for_in_the_text(
    gate: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_GATE__ALLOW", f'["1203@g.us", "{ANN}"]')
    monkeypatch.setenv("WA_SUPERVISOR_GATE__GROUPS", "mention")
    inbox = SessionFiles.open("shop", tmp_path).directory / "inbox"
    inbox.mkdir(mode=0o700)
    (inbox / "own").write_text("4930123456@s.whatsapp.net\n98@lid")
    ask = ("explain", ANN, "--group", "1203@g.us")
    assert gate(*ask).code == Exit.OK
    assert gate(*ask, "--text", "hello").code == Exit.FAILED
    assert gate(*ask, "--text", "hello @98").code == Exit.OK


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "1203@g.us"], "this names no person"),
        (["explain", ANN, "--group", ANN], "this names no group"),
        (["allow", "4915100000001"], "a bare number"),
        (["deny", "status@broadcast"], "names no person and no group"),
    ],
)
def test_whoever_is_no_sender_is_said_so(gate: Cli, arguments: list[str], said: str) -> None:
    verb, *rest = arguments
    answer = gate(verb, *rest)
    assert answer.code == Exit.USAGE
    assert said in answer.err
