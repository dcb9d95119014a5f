"""Text of others commands no terminal and forges no line: in the log, and in what is told."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from wa_supervisor.cli.explain import explanation, indented
from wa_supervisor.cli.logs import configure_logging
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.lifecycle import Reason

FORGED = "\x1b]0;owned\x07\x1b[2J\n2026-11-24 12:00:00 error   all is lost\r\x9b1m\u202e"
WRITTEN_OUT = r"\x1b]0;owned\x07\x1b[2J\n2026-11-24 12:00:00 error   all is lost\r\x9b1m\u202e"


@given(st.text())
def test_lines_are_kept_and_none_stands_at_the_margin(text: str) -> None:
    lines = indented(text).split("\n")
    assert len(lines) == text.count("\n") + 1
    assert all(line.startswith("    ") for line in lines)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("wa_supervisor")


@pytest.fixture
def written() -> io.StringIO:
    """What the log writes for a person."""
    return _configured(as_json=False)


def _configured(*, as_json: bool) -> io.StringIO:
    file = io.StringIO()
    configure_logging(Console(file=file, width=80, _environ={}), as_json=as_json)
    return file


@pytest.fixture(autouse=True)
def put_back(log: logging.Logger) -> Iterator[None]:
    handlers, propagate, level = log.handlers[:], log.propagate, log.level
    yield
    log.handlers, log.propagate = handlers, propagate
    log.setLevel(level)


def test_a_message_is_one_line_of_the_log(log: logging.Logger, written: io.StringIO) -> None:
    log.warning("the bot says %s", FORGED)
    (line,) = written.getvalue().splitlines()
    assert line.endswith(f" warning the bot says {WRITTEN_OUT}")


def test_a_traceback_is_indented_under_its_line(log: logging.Logger, written: io.StringIO) -> None:
    log.error("it broke", exc_info=ValueError(FORGED))
    first, *more = written.getvalue().splitlines()
    assert first.endswith("error   it broke")
    assert all(line.startswith("    ") for line in more)
    assert "\x1b" not in written.getvalue()
    assert r"\x1b]0;owned\x07" in more[-2]


def test_secrets_are_taken_out_of_messages_and_tracebacks(
    log: logging.Logger, written: io.StringIO
) -> None:
    trouble = ValueError("for 15550001111@s.whatsapp.net")
    log.error("call %s", "+1 555 000 1111", exc_info=trouble)
    assert "555" not in written.getvalue()


def test_a_log_line_that_cannot_be_made_raises_nothing(
    log: logging.Logger, written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    (handler,) = (each for each in log.handlers if "wa_supervisor" in type(each).__module__)
    handler.handle(log.makeRecord(log.name, logging.INFO, "x.py", 1, "%d of %d", ("one",), None))
    assert written.getvalue() == ""
    assert "Logging error" in capsys.readouterr().err


def test_in_json_a_message_is_one_object(log: logging.Logger) -> None:
    written = _configured(as_json=True)
    log.warning("the bot says %s", FORGED)
    log.error("it broke", exc_info=ValueError(FORGED))
    said, broke = (json.loads(line) for line in written.getvalue().splitlines())
    assert said["event"] == f"the bot says {FORGED}"
    assert list(said) == ["timestamp", "level", "logger", "event"]
    assert broke["exception"].endswith(f"ValueError: {FORGED}")
    assert written.getvalue().isascii()


def test_the_detail_that_an_advice_points_to_is_given_with_it() -> None:
    options = SessionOptions(session="shop")
    lines = list(explanation(Reason.CLIENT_UNUSABLE, "no neonize\npip install neonize", options))
    assert lines[:3] == [
        "neonize cannot be used as it is installed.",
        "  no neonize",
        "  pip install neonize",
    ]
    assert lines[3].startswith("You must act: ")
    assert "`wa-supervisor resume --session shop`" in lines[3]


def test_a_detail_commands_no_terminal_and_is_cut_after_five_lines() -> None:
    detail = "\n".join(["\x1b]0;owned\x07", *"abcdef"])
    _, *lines = explanation(Reason.BOT_FAILED, detail, SessionOptions())
    assert lines[0] == r"  \x1b]0;owned\x07"
    assert lines[1:6] == ["  a", "  b", "  c", "  d", "  ... and 2 lines more"]
