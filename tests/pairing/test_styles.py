"""The characters a QR is drawn with, against what Unicode calls them."""

from __future__ import annotations

import unicodedata

import pytest
from PIL import ImageFilter
from pydantic import SecretStr

from pairing.eyes import PAYLOAD, Terminal, read, read_by_camera
from wa_supervisor.pairing.matrix import make_matrix
from wa_supervisor.pairing.styles import TerminalStyle, draw, size
from wa_supervisor.pairing.view import PairingView

STYLES = list(TerminalStyle)


def cell(style: TerminalStyle, *modules: int) -> str:
    """The character of one cell with these modules black, counted from 1 as Unicode does."""
    across, down = style.cell
    side = max(across, down)
    black = {((module - 1) % across, (module - 1) // across) for module in modules}
    matrix = tuple(tuple((x, y) in black for x in range(side)) for y in range(side))
    return draw(matrix, style)[0][0]


def test_every_sextant_is_the_one_that_its_name_says() -> None:
    for pattern in range(64):
        modules = [place for place in range(1, 7) if pattern >> (place - 1) & 1]
        name = unicodedata.name(cell(TerminalStyle.SEXTANT, *modules))
        expected = {
            (): "SPACE",
            (1, 3, 5): "LEFT HALF BLOCK",
            (2, 4, 6): "RIGHT HALF BLOCK",
            (1, 2, 3, 4, 5, 6): "FULL BLOCK",
        }
        sextant = f"BLOCK SEXTANT-{''.join(map(str, modules))}"
        assert name == expected.get(tuple(modules), sextant)


@pytest.mark.parametrize(
    ("modules", "code"),
    [  # https://www.unicode.org/charts/PDF/U1CC00.pdf; Python's table has them from 3.14 on
        ((3,), 0x1CD00),
        ((2, 3), 0x1CD01),
        ((1, 2, 3), 0x1CD02),
        ((4,), 0x1CD03),
        ((1, 4), 0x1CD04),
        ((5,), 0x1CD09),
        ((2, 3, 4, 5, 6, 7, 8), 0x1CDE5),
        ((1,), 0x1CEA8),
        ((8,), 0x1CEA0),
        ((1, 3), 0x2598),
        ((1, 3, 6, 8), 0x259A),
        ((7, 8), 0x2582),
    ],
)
def test_octants_are_those_of_the_chart(modules: tuple[int, ...], code: int) -> None:
    assert ord(cell(TerminalStyle.OCTANT, *modules)) == code


@pytest.mark.parametrize("style", STYLES)
def test_each_pattern_has_a_character_of_its_own(style: TerminalStyle) -> None:
    across, down = style.cell
    count = across * down
    letters = {
        cell(style, *(place for place in range(1, count + 1) if pattern >> (place - 1) & 1))
        for pattern in range(2**count)
    }
    assert len(letters) == 2**count


@pytest.mark.parametrize(
    ("length", "half", "sextant", "octant"),
    [
        (217, (57, 29), (29, 19), (29, 15)),
        (265, (61, 31), (31, 21), (31, 16)),
        (297, (65, 33), (33, 22), (33, 17)),
        (347, (69, 35), (35, 23), (35, 18)),
    ],
)
def test_what_each_payload_needs(
    length: int, half: tuple[int, int], sextant: tuple[int, int], octant: tuple[int, int]
) -> None:
    side = len(make_matrix(SecretStr("2@" + "x" * (length - 2)), 2))
    sizes = dict(zip(STYLES, (half, sextant, octant), strict=True))
    for style, expected in sizes.items():
        assert size(side, style) == expected
        assert len(draw(make_matrix(SecretStr("2@" + "x" * (length - 2)), 2), style)) == expected[1]


@pytest.mark.parametrize("style", [TerminalStyle.HALF, TerminalStyle.SEXTANT])
@pytest.mark.parametrize("length", [217, 265, 297, 347])
@pytest.mark.parametrize("turned", [0, 4, -7])
@pytest.mark.parametrize("blur", [0, 1.2])
def test_a_camera_reads_every_size_turned_and_out_of_focus(
    style: TerminalStyle, length: int, turned: int, blur: float
) -> None:
    payload = (PAYLOAD * 2)[:length]
    view = PairingView(style=style)
    view.show_qr(SecretStr(payload), 20)
    terminal = Terminal(110, 45)
    terminal.console.print(view)
    seen = terminal.picture("dark").rotate(turned, expand=True, fillcolor=(0, 0, 0))
    assert read_by_camera(seen.filter(ImageFilter.GaussianBlur(blur))) == [payload]
    assert turned or blur or read(seen) == [payload]
