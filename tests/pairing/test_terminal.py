from __future__ import annotations

import io
import os
import time
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from rich.console import Console

from pairing.eyes import PAYLOAD, Terminal, read
from wa_supervisor.pairing.terminal import TerminalSink
from wa_supervisor.pairing.view import PairingView

if TYPE_CHECKING:
    from collections.abc import Iterator

QR = SecretStr(PAYLOAD)
OTHER = PAYLOAD[:-1] + "2"


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(100, 45)


@pytest.fixture
def sink(terminal: Terminal) -> Iterator[TerminalSink]:
    sink = TerminalSink(terminal.console)
    yield sink
    sink.close()


def within(seconds: float, found: str, terminal: Terminal) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found in terminal.text:
            return True
        time.sleep(0.05)
    return False


def test_it_draws_below_what_was_there(terminal: Terminal, sink: TerminalSink) -> None:
    terminal.console.print("a log line")
    sink.show_qr(QR, 20)
    assert read(terminal.picture("dark")) == [PAYLOAD]
    assert terminal.text.startswith("a log line\n")


def test_a_new_code_takes_the_place_of_the_last_on_the_screen(
    terminal: Terminal, sink: TerminalSink
) -> None:
    for payload in (PAYLOAD, OTHER, PAYLOAD, OTHER):
        sink.show_qr(SecretStr(payload), 20)
    assert read(terminal.picture("dark")) == [OTHER]
    assert terminal.text.count("Link a device") == 1


def test_the_countdown_ticks_by_itself_and_in_place(terminal: Terminal, sink: TerminalSink) -> None:
    sink.show_qr(QR, 20)
    assert within(1, "New code in 20 s", terminal)
    assert within(5, "New code in 18 s", terminal)
    assert terminal.text.count("New code") == 1
    assert read(terminal.picture("dark")) == [PAYLOAD]


@pytest.mark.parametrize("end", ["hide", "close"])
def test_hiding_wipes_the_drawing_and_leaves_the_rest(
    terminal: Terminal, sink: TerminalSink, end: str
) -> None:
    terminal.console.print("before")
    sink.show_qr(QR, 20)
    getattr(sink, end)()
    terminal.console.print("after")
    assert terminal.text == "before\nafter"


def test_hiding_twice_or_before_anything_is_fine(terminal: Terminal, sink: TerminalSink) -> None:
    sink.hide()
    sink.show_qr(QR, 20)
    sink.hide()
    sink.hide()
    assert terminal.text == ""


def test_it_draws_again_after_it_was_hidden(terminal: Terminal, sink: TerminalSink) -> None:
    sink.show_qr(QR, 20)
    sink.hide()
    sink.show_qr(SecretStr(OTHER), 20)
    assert read(terminal.picture("light")) == [OTHER]


def test_the_cursor_is_given_back(terminal: Terminal, sink: TerminalSink) -> None:
    sink.show_qr(QR, 20)
    assert terminal.screen.cursor.hidden
    sink.hide()
    assert not terminal.screen.cursor.hidden


def test_it_adapts_when_the_window_changes_its_size(terminal: Terminal, sink: TerminalSink) -> None:
    sink.show_qr(QR, 20)
    terminal.resize(60, 24)
    assert within(5, "needs a terminal of", terminal)
    assert "▀" not in terminal.text
    terminal.resize(120, 50)
    assert within(5, "Link a device", terminal)
    assert read(terminal.picture("dark")) == [PAYLOAD]
    assert "needs a terminal" not in terminal.text
    assert terminal.text.count("New code") == 1


def test_log_lines_go_above_the_drawing(terminal: Terminal, sink: TerminalSink) -> None:
    sink.show_qr(QR, 20)
    for number in range(60):
        terminal.console.print(f"log line {number}", highlight=False)
    assert read(terminal.picture("dark")) == [PAYLOAD]
    assert "log line 59" in terminal.text


def test_a_pair_code_is_drawn_too(terminal: Terminal, sink: TerminalSink) -> None:
    sink.show_code(SecretStr("ABCDEFGH"), 160)
    assert "ABCD-EFGH" in terminal.text
    sink.hide()
    assert terminal.text == ""


def test_where_there_is_no_terminal_one_plain_line_tells_where_to_look() -> None:
    file = io.StringIO()
    sink = TerminalSink(Console(file=file, force_terminal=True), command="wa-supervisor run")
    for _ in range(6):
        sink.show_qr(QR, 20)
    sink.hide()
    assert file.getvalue() == (
        "A QR to link the device is ready, but this is no terminal to show it on. "
        "`wa-supervisor qr` in a terminal shows it; "
        "--qr png:PATH or payload:PATH writes it to a file.\n"
    )


def test_a_pair_code_never_goes_where_there_is_no_terminal() -> None:
    file = io.StringIO()
    sink = TerminalSink(Console(file=file))
    sink.show_code(SecretStr("ABCDEFGH"), 20)
    assert file.getvalue().startswith("A pair code to link the device is ready")
    assert "ABCD" not in file.getvalue()


def test_a_terminal_that_cannot_redraw_gets_the_plain_line() -> None:
    terminal = Terminal(100, 45)
    terminal.console = Console(file=terminal, force_terminal=True, _environ={"TERM": "dumb"})  # type: ignore[arg-type]
    TerminalSink(terminal.console).show_qr(QR, 20)
    assert terminal.text.startswith("A QR to link the device is ready")


def test_a_real_terminal_is_known_as_one() -> None:
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w") as file:
        view = PairingView()
        console = Console(file=file, width=80, height=24, color_system="256", _environ={})
        sink = TerminalSink(console, view)
        sink.show_code(SecretStr("ABCDEFGH"), 20)
        assert view.visible
        sink.close()
        assert not view.visible
