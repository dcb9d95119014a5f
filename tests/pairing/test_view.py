from __future__ import annotations

import pytest
from pydantic import SecretStr
from rich.console import Console

from pairing.eyes import PAYLOAD, THEMES, Terminal, read
from wa_supervisor.errors import StoreError
from wa_supervisor.pairing.styles import TerminalStyle
from wa_supervisor.pairing.view import PairingView

QR = SecretStr(PAYLOAD)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> PairingView:
    return PairingView(clock=clock, command="wa-supervisor run")


def drawn(view: PairingView, columns: int = 100, rows: int = 45, **kinds: str) -> Terminal:
    terminal = Terminal(columns, rows, **kinds)
    terminal.console.print(view)
    return terminal


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("color_system", ["truecolor", "256", "standard"])
def test_the_qr_decodes_on_every_theme(view: PairingView, theme: str, color_system: str) -> None:
    view.show_qr(QR, 20)
    assert read(drawn(view, color_system=color_system).picture(theme)) == [PAYLOAD]


def test_uncoloured_blocks_would_fail_on_one_theme_or_the_other(view: PairingView) -> None:
    """The reason for our own colours, and the proof that the reader above is strict."""
    view.show_qr(QR, 20)
    terminal = drawn(view)
    bare = Terminal(100, 45)
    bare.console.print("\n".join(terminal.screen.display[:35]))
    assert read(bare.picture("light")) == [PAYLOAD]
    assert read(bare.picture("dark")) == []


def test_it_says_how_to_scan_and_how_long_the_code_lives(view: PairingView, clock: Clock) -> None:
    view.show_qr(QR, 20)
    lines = drawn(view).text.splitlines()
    assert lines[-2:] == [
        "On the phone: WhatsApp > Settings > Linked devices > Link a device",
        "New code in 20 s",
    ]
    clock.now += 2.5
    assert drawn(view).text.endswith("New code in 18 s")


def test_a_dead_qr_is_not_drawn(view: PairingView, clock: Clock) -> None:
    view.show_qr(QR, 20)
    clock.now += 20.5
    assert drawn(view).text.endswith("New code in 0 s")
    clock.now += 0.5
    terminal = drawn(view)
    assert terminal.text == "The code has expired; waiting for a new one."


def test_hidden_means_nothing_is_drawn(view: PairingView) -> None:
    assert not view.visible
    view.show_qr(QR, 20)
    assert view.visible
    view.hide()
    assert not view.visible
    assert drawn(view).text == ""
    view.show_code(SecretStr("ABCDEFGH"), 20)
    view.close()
    assert drawn(view).text == ""


def test_at_80x24_the_largest_code_is_there_with_its_words_beside_it(view: PairingView) -> None:
    view = PairingView(reserve=1, command="wa-supervisor run")  # a status line below, as `run` has
    view.show_qr(QR, 20)
    terminal = drawn(view, 80, 24)
    for theme in THEMES:
        assert read(terminal.picture(theme)) == [PAYLOAD]
    text = " ".join(line[35:].strip() for line in terminal.text.splitlines())
    assert "WhatsApp > Settings > Linked devices > Link a device" in text
    assert "New code in 20 s" in text
    assert "`wa-supervisor qr --png wa-qr.png` elsewhere" in text
    assert len(terminal.text.splitlines()) == 23


def test_half_blocks_are_taken_where_they_fit(view: PairingView) -> None:
    view.show_qr(QR, 20)
    for columns, rows in ((69, 38), (99, 36)):
        terminal = drawn(view, columns, rows)
        assert "▀" in terminal.text
        assert read(terminal.picture("dark")) == [PAYLOAD]
    for columns, rows in ((68, 38), (98, 37)):
        terminal = drawn(view, columns, rows)
        assert "🬂" in terminal.text
        assert read(terminal.picture("dark")) == [PAYLOAD]


def test_a_style_can_be_forced(clock: Clock) -> None:
    view = PairingView(clock=clock, style=TerminalStyle.OCTANT)
    view.show_qr(QR, 20)
    assert max(drawn(view, 80, 24).text) >= "\U0001cd00"
    view.style = TerminalStyle.SEXTANT
    assert read(drawn(view, 100, 45).picture("dark")) == [PAYLOAD]
    view.style = TerminalStyle.HALF
    assert "needs a terminal of 99 columns and 36 rows or 69" in drawn(view, 80, 24).text


def test_the_kernels_console_is_never_given_what_its_font_has_not(
    view: PairingView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    view.show_qr(QR, 20)
    assert "needs a terminal of" in drawn(view, 80, 24).text
    assert "▀" in drawn(view, 100, 45).text


def test_where_nothing_fits_it_says_what_is_needed_and_where_else_it_can_be_seen(
    view: PairingView,
) -> None:
    view.show_qr(QR, 20)
    terminal = drawn(view, 60, 24)
    assert read(terminal.picture("dark")) == []
    text = " ".join(terminal.text.split())
    assert "of 65 columns and 24 rows or 66 columns and 26 rows; this one has 60 and 24." in text
    assert "wa-supervisor qr [--png wa-qr.png]" in text
    assert "wa-supervisor run --phone -" in text
    assert text.endswith("New code in 20 s")
    assert len(terminal.text.splitlines()) < 24


def test_the_stated_size_is_the_least_that_works(view: PairingView) -> None:
    view.show_qr(QR, 20)
    for columns, rows in ((65, 24), (66, 26)):
        assert read(drawn(view, columns, rows).picture("light")) == [PAYLOAD]
    for columns, rows in ((64, 24), (65, 23)):
        terminal = drawn(view, columns, rows)
        assert "needs a terminal" in terminal.text
        assert "🬂" not in terminal.text


def test_the_callers_own_rows_are_reckoned_with(clock: Clock) -> None:
    view = PairingView(clock=clock, reserve=5)
    view.show_qr(QR, 20)
    assert "65 columns and 28 rows" in drawn(view, 80, 27).text
    assert "🬂" in drawn(view, 80, 28).text


def test_a_terminal_without_colours_gets_advice_and_no_qr(view: PairingView) -> None:
    view.show_qr(QR, 20)
    terminal = Terminal(100, 45)
    terminal.console.no_color = True
    terminal.console.print(view)
    assert "shows no colours (NO_COLOR?)" in terminal.text
    assert "wa-supervisor qr" in terminal.text
    assert "▀" not in terminal.text


def test_an_output_without_block_characters_gets_advice_and_no_qr(view: PairingView) -> None:
    view.show_qr(QR, 20)
    terminal = Terminal(100, 45)
    terminal.encoding = "ascii"  # type: ignore[attr-defined]
    terminal.console.print(view)
    assert "encoding is ascii" in terminal.text
    assert "▀" not in terminal.text


@pytest.mark.parametrize("code", ["ABCD-EFGH", "ABCDEFGH"])
def test_a_pair_code_is_shown_in_two_groups_with_the_way_to_it(
    view: PairingView, clock: Clock, code: str
) -> None:
    view.show_code(SecretStr(code), 160)
    clock.now += 2
    text = drawn(view, 80, 24).text
    assert "Pair code: ABCD-EFGH" in text
    assert "Link with phone number instead" in text
    assert text.endswith("another 158 s")


def test_a_newer_code_takes_the_place_of_the_last(view: PairingView) -> None:
    view.show_qr(SecretStr("first"), 20)
    view.show_qr(SecretStr("second"), 20)
    assert read(drawn(view).picture("dark")) == ["second"]
    view.show_code(SecretStr("ABCDEFGH"), 20)
    terminal = drawn(view)
    assert read(terminal.picture("dark")) == []
    assert "ABCD-EFGH" in terminal.text


def test_a_payload_that_fits_no_qr_is_an_error_that_does_not_tell_it(view: PairingView) -> None:
    with pytest.raises(StoreError, match="too long") as caught:
        view.show_qr(SecretStr("secret" * 1000), 20)
    assert "secret" not in str(caught.value)


def test_no_repr_tells_the_secret(view: PairingView) -> None:
    view.show_qr(QR, 20)
    qr = f"{view!r} {vars(view)!r}"
    view.show_code(SecretStr("ABCDEFGH"), 20)
    shown = f"{qr} {view!r} {vars(view)!r}"
    assert not any(secret in shown for secret in (PAYLOAD[40:60], "▀", "ABCD", "True"))


def test_it_fits_into_another_consoles_width(view: PairingView) -> None:
    view.show_qr(QR, 20)
    console = Console(width=30, height=50, force_terminal=True, _environ={})
    with console.capture() as capture:
        console.print(view)
    assert "▀" not in capture.get()
