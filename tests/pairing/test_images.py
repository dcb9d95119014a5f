"""A QR as an image of the terminal's own, decoded as a terminal would and read from its screen."""

from __future__ import annotations

import os
import pty
import threading
import time
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from rich.live import Live

from pairing.eyes import CELL_HEIGHT, CELL_WIDTH, PAYLOAD, THEMES, read
from pairing.graphics import GraphicsTerminal
from wa_supervisor.pairing.images import Cell, ImageStyle, Placement, fit
from wa_supervisor.pairing.spec import SinkKind, SinkSpec
from wa_supervisor.pairing.styles import TerminalStyle
from wa_supervisor.pairing.terminal_query import Offer, ask_terminal, cell_size
from wa_supervisor.pairing.view import PairingView

if TYPE_CHECKING:
    from collections.abc import Iterator

CELL = Cell(CELL_WIDTH, CELL_HEIGHT)
STYLES = list(ImageStyle)


def showing(style: ImageStyle, payload: str = PAYLOAD) -> PairingView:
    view = PairingView(reserve=1)
    view.offer = Offer(style, CELL)
    view.show_qr(SecretStr(payload), 20)
    return view


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60), (60, 40)])
@pytest.mark.parametrize("length", [217, 347])
def test_it_is_read_off_the_screen_with_the_words_beside_or_below(
    style: ImageStyle, columns: int, rows: int, length: int
) -> None:
    terminal = GraphicsTerminal(columns, rows)
    terminal.console.print(showing(style, PAYLOAD[:length]))
    for theme in THEMES:
        assert read(terminal.picture(theme)) == [PAYLOAD[:length]]
    words = " ".join(terminal.text.split())
    assert "New code in 20 s" in words
    assert "Linked devices" in words
    assert len(terminal.text.splitlines()) <= rows - 1
    (left, top, picture) = terminal.images[0]
    lines = terminal.screen.display[top // CELL_HEIGHT : -(-(top + picture.height) // CELL_HEIGHT)]
    columns_covered = -(-picture.width // CELL_WIDTH)
    assert left == 0
    assert all(not line[:columns_covered].strip() for line in lines)


@pytest.mark.parametrize("style", STYLES)
def test_in_a_live_display_it_is_replaced_and_taken_away(style: ImageStyle) -> None:
    terminal = GraphicsTerminal(80, 24)
    view = showing(style)
    other = PAYLOAD[:-1] + "2"
    with Live(view, console=terminal.console, auto_refresh=False, transient=True) as live:
        live.refresh()
        assert read(terminal.picture("dark")) == [PAYLOAD]
        terminal.console.print("a log line")
        assert read(terminal.picture("dark")) == [PAYLOAD]
        assert terminal.text.startswith("a log line")
        view.show_qr(SecretStr(other), 20)
        live.refresh()
        assert read(terminal.picture("dark")) == [other]
        view.show_code(SecretStr("ABCD1234"), 60)
        live.refresh()
        assert read(terminal.picture("dark")) == []
        assert "Pair code: ABCD-1234" in terminal.text
        view.show_qr(SecretStr(PAYLOAD), 20)
        live.refresh()
        assert read(terminal.picture("dark")) == [PAYLOAD]
        view.hide()
    assert terminal.images == []
    assert terminal.text == "a log line"


@pytest.mark.parametrize("style", STYLES)
def test_where_no_image_fits_blocks_are_drawn_or_it_says_so(style: ImageStyle) -> None:
    terminal = GraphicsTerminal(40, 12)
    terminal.console.print(showing(style))
    assert terminal.images == []
    assert "The QR needs a terminal of" in terminal.text


def test_without_an_offer_no_image_is_sent() -> None:
    terminal = GraphicsTerminal(80, 24)
    view = PairingView(reserve=1)
    view.show_qr(SecretStr(PAYLOAD), 20)
    terminal.console.print(view)
    assert terminal.sent == 0
    assert read(terminal.picture("dark")) == [PAYLOAD]


def test_a_style_that_is_asked_for_wins_over_the_offer() -> None:
    terminal = GraphicsTerminal(80, 24)
    view = showing(ImageStyle.KITTY)
    view.style = TerminalStyle.SEXTANT
    terminal.console.print(view)
    assert terminal.sent == 0
    view.style = ImageStyle.SIXEL
    terminal.console.print(view)
    assert terminal.sent == 1
    assert "\x1bP0;1;0q" in terminal.written


def test_the_image_is_as_large_as_the_cells_allow_but_no_larger_than_needed() -> None:
    assert fit(69, 80, 22, CELL) == Placement(5, 44, 22)
    assert fit(69, 500, 200, CELL) == Placement(8, 69, 35)
    assert fit(69, 80, 10, CELL) is None


@pytest.mark.parametrize("style", [*TerminalStyle, *ImageStyle])
def test_every_style_can_be_asked_for(style: TerminalStyle | ImageStyle) -> None:
    spec = SinkSpec.parse(f"terminal:{style.value}")
    assert spec == SinkSpec(SinkKind.TERMINAL, style=style)


# -- asking the terminal ---------------------------------------------------------------------------

XTERM = {"TERM": "xterm-256color"}


class Answering:
    """The other side of a terminal: answers what it knows, by a thread."""

    def __init__(self, name: bytes, *, attributes: bytes = b"62;22", cell: bytes = b"") -> None:
        self.master, self.slave = pty.openpty()
        self.heard = b""
        self._name, self._attributes, self._cell = name, attributes, cell
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        while not self.heard.endswith(b"\x1b[c"):
            self.heard += os.read(self.master, 100)
        if self._name:
            os.write(self.master, b"\x1bP>|" + self._name + b"\x1b\\")
        if self._cell:
            os.write(self.master, b"\x1b[6;" + self._cell + b"t")
        if self._attributes:
            os.write(self.master, b"\x1b[?" + self._attributes + b"c")


@pytest.fixture(autouse=True)
def in_the_foreground(monkeypatch: pytest.MonkeyPatch) -> None:
    """These terminals are nobody's: the foreground's process group is told to be ours."""
    monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp())


@pytest.mark.parametrize(
    ("name", "attributes", "cell", "offer"),
    [
        (b"kitty(0.36.4)", b"62;52", b"", Offer(ImageStyle.KITTY)),
        (b"ghostty 1.1.0", b"62;22", b"", Offer(ImageStyle.KITTY)),
        (b"iTerm2 3.5.0", b"62;4", b"30;14", Offer(ImageStyle.ITERM2, Cell(14, 30))),
        (b"WezTerm 20240203", b"65;4;6", b"", Offer(ImageStyle.ITERM2)),
        (b"foot(1.16)", b"62;4;22", b"18;9", Offer(ImageStyle.SIXEL, Cell(9, 18))),
        (b"XTerm(390)", b"64;1;2;4;6", b"0;0", Offer()),
        (b"XTerm(390)", b"64;1;2;4;6", b"", Offer()),
        (b"VTE(7600)", b"65;1;9", b"18;9", Offer(None, Cell(9, 18))),
        (b"", b"1;2", b"", Offer()),
    ],
)
def test_a_terminal_says_what_it_draws(
    name: bytes, attributes: bytes, cell: bytes, offer: Offer
) -> None:
    other = Answering(name, attributes=attributes, cell=cell)
    assert ask_terminal(other.slave, XTERM, within=20) == offer


def test_one_that_does_not_answer_is_not_waited_for() -> None:
    _, slave = pty.openpty()
    began = time.monotonic()
    assert ask_terminal(slave, XTERM, within=0.1) == Offer()
    assert time.monotonic() - began < 10


def test_only_what_every_terminal_passes_over_is_sent() -> None:
    other = Answering(b"kitty")
    ask_terminal(other.slave, XTERM, within=20)
    assert other.heard.count(b"\x1b") == other.heard.count(b"\x1b[") == 3


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "linux"},
        {"TERM": "dumb"},
        {},
        {"TERM": "screen-256color"},
        {"TERM": "tmux-256color"},
        {"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"},
    ],
)
def test_the_old_and_the_multiplexers_are_not_asked(environment: dict[str, str]) -> None:
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    assert ask_terminal(slave, environment, within=20) == Offer()
    with pytest.raises(BlockingIOError):
        os.read(master, 1)


def test_in_the_background_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp() + 1)
    _, slave = pty.openpty()
    assert ask_terminal(slave, XTERM, within=20) == Offer()


def test_what_is_no_terminal_has_no_cells(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (tmp_path_factory.mktemp("no") / "terminal").open("wb") as file:
        assert cell_size(file.fileno()) is None
        assert ask_terminal(file.fileno(), XTERM) == Offer()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Give the descriptors of the terminals back."""
    made: list[int] = []
    real = pty.openpty

    def opened() -> tuple[int, int]:
        pair = real()
        made.extend(pair)
        return pair

    pty.openpty = opened
    yield
    pty.openpty = real
    for descriptor in made:
        os.close(descriptor)
