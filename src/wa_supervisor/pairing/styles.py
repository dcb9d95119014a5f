"""How a QR is drawn with the characters of a terminal: several modules in each cell.

Half blocks are in every font; their code needs 57x29 to 69x35 cells for what WhatsApp hands out.
Sextants (Unicode 13, 2020) need 29x19 to 35x23, which is what fits into 80x24, and octants (Unicode
16, 2024) still less; but a terminal without them draws boxes. So they are for where nothing larger
fits, and octants for those who ask.
"""

from __future__ import annotations

import enum
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .matrix import Matrix


class TerminalStyle(enum.Enum):
    """The characters that a QR is drawn with; the value is what follows `--qr terminal:`."""

    HALF = "half"
    SEXTANT = "sextant"
    OCTANT = "octant"

    @property
    def cell(self) -> tuple[int, int]:
        """How many modules stand beside and above one another in a cell."""
        return _CELLS[self]


_CELLS: Final = {
    TerminalStyle.HALF: (1, 2),
    TerminalStyle.SEXTANT: (2, 3),
    TerminalStyle.OCTANT: (2, 4),
}


def size(side: int, style: TerminalStyle) -> tuple[int, int]:
    """Say how many columns and rows a matrix of this side needs."""
    across, down = style.cell
    return -(-side // across), -(-side // down)


def draw(matrix: Matrix, style: TerminalStyle) -> list[str]:
    """Draw a matrix for black ink on a white ground; what is left of a last cell is white."""
    across, down = style.cell
    columns, rows = size(len(matrix), style)
    glyphs = _glyphs(style)

    def black(x: int, y: int) -> bool:
        return y < len(matrix) and x < len(matrix) and matrix[y][x]

    def pattern(column: int, row: int) -> int:
        """The cell's modules as bits, row by row, the first the lowest."""
        return sum(
            black(column * across + x, row * down + y) << (y * across + x)
            for y in range(down)
            for x in range(across)
        )

    return [
        "".join(glyphs[pattern(column, row)] for column in range(columns)) for row in range(rows)
    ]


@cache
def _glyphs(style: TerminalStyle) -> str:
    """Give the characters of a style in the order of their patterns."""
    if style is TerminalStyle.HALF:
        return " ▀▄█"
    if style is TerminalStyle.SEXTANT:
        return _filled(_SEXTANTS_ELSEWHERE, 64, 0x1FB00)
    return _filled(_OCTANTS_ELSEWHERE, 256, 0x1CD00)


def _filled(elsewhere: dict[int, str], count: int, first: int) -> str:
    """Unicode lists the patterns in their order from `first` on, but for those it had before."""
    glyphs, code = [], first
    for pattern in range(count):
        if pattern in elsewhere:
            glyphs.append(elsewhere[pattern])
        else:
            glyphs.append(chr(code))
            code += 1
    return "".join(glyphs)


def _halves(upper_left: int, upper_right: int, lower_left: int, lower_right: int) -> dict[int, str]:
    """The characters for patterns that are made of quadrants only."""
    parts = (upper_left, upper_right, lower_left, lower_right)
    letters = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
    return {
        sum(part for bit, part in enumerate(parts) if number >> bit & 1): letter
        for number, letter in enumerate(letters)
    }


# Symbols for Legacy Computing (U1FB00.pdf): the left and the right half were there before.
_SEXTANTS_ELSEWHERE: Final = {0: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}

# Symbols for Legacy Computing Supplement (U1CC00.pdf): quadrants, quarters and a few single cells.
_OCTANTS_ELSEWHERE: Final = _halves(0b101, 0b1010, 0b1010000, 0b10100000) | {
    0b00000001: "\U0001cea8",
    0b00000010: "\U0001ceab",
    0b01000000: "\U0001cea3",
    0b10000000: "\U0001cea0",
    0b00010100: "\U0001fbe6",
    0b00101000: "\U0001fbe7",
    0b00000011: "\U0001fb82",
    0b00111111: "\U0001fb85",
    0b11000000: "▂",
    0b11111100: "▆",
}
