from __future__ import annotations

from pathlib import Path

import pytest

from wa_supervisor.errors import ConfigError
from wa_supervisor.pairing.files import PayloadFile, PngFile, SvgFile
from wa_supervisor.pairing.parse import parse_sink
from wa_supervisor.pairing.spec import SinkKind, SinkSpec
from wa_supervisor.pairing.styles import TerminalStyle
from wa_supervisor.pairing.terminal import TerminalSink
from wa_supervisor.pairing.view import PairingView


@pytest.mark.parametrize(
    ("kind", "made"), [("png", PngFile), ("svg", SvgFile), ("payload", PayloadFile)]
)
def test_a_file_is_named_by_kind_and_path(tmp_path: Path, kind: str, made: type) -> None:
    sink = parse_sink(f"{kind}:{tmp_path}/a:b")
    assert isinstance(sink, made)
    assert vars(sink)["path"] == tmp_path / "a:b"


def test_terminal_is_a_terminal_or_the_one_the_caller_draws() -> None:
    assert isinstance(parse_sink("terminal"), TerminalSink)
    view = PairingView()
    assert parse_sink("terminal", terminal=lambda _: view) is view


def test_a_terminal_may_be_told_what_to_draw_with() -> None:
    spec = SinkSpec.parse("terminal:sextant")
    assert spec == SinkSpec(SinkKind.TERMINAL, style=TerminalStyle.SEXTANT)
    with pytest.raises(ConfigError, match="no style 'braille': it is one of half, sextant, octant"):
        SinkSpec.parse("terminal:braille")


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert SinkSpec.parse("png:~/qr.png") == SinkSpec(SinkKind.PNG, Path("/home/ada/qr.png"))


@pytest.mark.parametrize("text", ["", "tty", "png", "png:", "terminal:", "terminal:x", "jpg:x"])
def test_anything_else_is_an_error_that_names_the_choices(text: str) -> None:
    with pytest.raises(ConfigError, match=r"png:PATH, svg:PATH, payload:PATH"):
        parse_sink(text)


def test_a_near_miss_gets_a_guess() -> None:
    with pytest.raises(ConfigError, match="did you mean terminal"):
        parse_sink("terminl")
