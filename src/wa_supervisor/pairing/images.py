"""A QR as pixels, for terminals that draw images: kitty's protocol, iTerm2's, and sixel.

An image is laid over rows that were drawn before, and the cursor is put back: whatever draws text
around it (rich.live) need not know of it.

Sources: sw.kovidgoyal.net/kitty/graphics-protocol, iterm2.com/documentation-images.html, and for
sixel the VT330/VT340 manual (vt100.net/docs/vt3xx-gp/chapter14.html).
"""

from __future__ import annotations

import base64
import enum
import io
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .matrix import Matrix

_SAVE, _RESTORE = "\x1b7", "\x1b8"  # DECSC, DECRC: the cursor
_ROOM: Final = "\x1bD\x1b[A"  # IND scrolls at the bottom, and the cursor goes up again
_KITTY_ID: Final = 771_771  # ours, so that the next code takes the place of the last
_KITTY_CHUNK: Final = 4096  # bytes of base64, by the protocol
_BAND: Final = 6  # rows of pixels in one row of sixels

FORGET_KITTY: Final = f"\x1b_Ga=d,d=I,i={_KITTY_ID},q=2\x1b\\"
"""Takes the image away. Text does not: kitty draws images on a layer of their own."""

_LEAST_SCALE, _MOST_SCALE = 3, 8  # pixels a module


class ImageStyle(enum.Enum):
    """How a terminal takes an image; the value is what follows `--qr terminal:`."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


@dataclass(frozen=True, slots=True)
class Cell:
    """How many pixels a character has."""

    width: int = 10
    height: int = 20


@dataclass(frozen=True, slots=True)
class Placement:
    """How large a code is drawn, and the cells that it covers."""

    scale: int
    columns: int
    rows: int


def fit(side: int, columns: int, rows: int, cell: Cell) -> Placement | None:
    """Find the largest image of a matrix of this side that so many cells hold, or None."""
    most = min(columns * cell.width, rows * cell.height) // side
    scale = min(most, _MOST_SCALE)
    if scale < _LEAST_SCALE:
        return None
    pixels = scale * side
    return Placement(scale, -(-pixels // cell.width), -(-pixels // cell.height))


def overlay(matrix: Matrix, style: ImageStyle, placed: Placement) -> str:
    """Give what draws the code over the rows above the cursor's, which is at the end of the last.

    A row below is made first, so that no terminal scrolls for the image's last line of pixels.
    """
    up = f"\x1b[{placed.rows - 1}A" if placed.rows > 1 else ""
    return f"{_ROOM}{_SAVE}{up}\r{_ENCODERS[style](matrix, placed)}{_RESTORE}"


def _kitty(matrix: Matrix, placed: Placement) -> str:
    """Give the image by itself: C=1 leaves the cursor, q=2 has nothing answered into our input."""
    data = base64.b64encode(_png(matrix, placed.scale)).decode()
    chunks = [data[at : at + _KITTY_CHUNK] for at in range(0, len(data), _KITTY_CHUNK)]
    keys = f"a=T,f=100,i={_KITTY_ID},p=1,C=1,q=2,r={placed.rows},c={placed.columns},"
    return "".join(
        f"\x1b_G{keys if index == 0 else ''}m={int(index < len(chunks) - 1)};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )


def _iterm2(matrix: Matrix, placed: Placement) -> str:
    png = _png(matrix, placed.scale)
    where = f"width={placed.columns};height={placed.rows};preserveAspectRatio=1"
    data = base64.b64encode(png).decode()
    return f"\x1b]1337;File=inline=1;size={len(png)};{where};doNotMoveCursor=1:{data}\x07"


def _sixel(matrix: Matrix, placed: Placement) -> str:
    """Give the image in two colours, each band of six rows run-length encoded."""
    rows = [
        [module for module in row for _ in range(placed.scale)]
        for row in matrix
        for _ in range(placed.scale)
    ]
    width, height = len(rows[0]), len(rows)
    bands = []
    for top in range(0, height, _BAND):
        band = rows[top : top + _BAND]
        masks = [sum(row[x] << bit for bit, row in enumerate(band)) for x in range(width)]
        full = (1 << len(band)) - 1
        white, black = _runs(full & ~mask for mask in masks), _runs(masks)
        bands.append(f"#0{white}$#1{black}")
    colours = "#0;2;100;100;100#1;2;0;0;0"
    return f'\x1bP0;1;0q"1;1;{width};{height}{colours}{"-".join(bands)}\x1b\\'


def _runs(masks: Iterable[int]) -> str:
    """Encode sixels with the repeats counted."""
    text = []
    for mask, group in groupby(masks):
        count, letter = len(list(group)), chr(0x3F + mask)
        text.append(f"!{count}{letter}" if count > len("!n~") else letter * count)
    return "".join(text)


def _png(matrix: Matrix, scale: int) -> bytes:
    """Draw the matrix, whose border is in it."""
    from PIL import Image  # noqa: PLC0415 - a session that is paired shows no QR

    side = len(matrix)
    image = Image.new("1", (side, side))
    image.putdata([255 * (not module) for row in matrix for module in row])
    buffer = io.BytesIO()
    image.resize((side * scale, side * scale), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


_ENCODERS: Final = {
    ImageStyle.KITTY: _kitty,
    ImageStyle.ITERM2: _iterm2,
    ImageStyle.SIXEL: _sixel,
}
