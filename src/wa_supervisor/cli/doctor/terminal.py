"""What the terminal can show: its size, and a test picture of a QR in each style."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr
from rich.text import Text

from ...hints import Hint
from ...pairing.images import fit, overlay
from ...pairing.matrix import TERMINAL_BORDER, make_matrix
from ...pairing.styles import TerminalStyle, draw
from ...pairing.view import INK
from .finding import Finding, Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from ...pairing.terminal_query import Offer

_GAP: Final = "   "
_SEXTANTS: Final = (80, 24)
_HALF_BLOCKS: Final = (69, 39)
"""Columns and rows for the longest payload of WhatsApp's (347 characters), with its words."""


def terminal(console: Console, offer: Offer) -> Iterator[Finding]:
    """Say how a QR will be shown here."""
    name = "terminal"
    if not console.file.isatty():
        said = "this is none, so it can show no QR"
        fix = Hint(note="`wa-supervisor qr` in a terminal shows it, or `--qr png:PATH`")
        yield Finding(name, Verdict.NOTE, said, fix)
        return
    columns, rows = console.size
    size = f"{columns}x{rows}"
    if offer.style is not None:
        yield Finding(name, Verdict.OK, f"{size}, and it draws images ({offer.style.value})")
        return
    if console.no_color or console.color_system is None:
        said = f"{size} without colours: a QR cannot be drawn"
        yield Finding(name, Verdict.WARNING, said, Hint(note="unset NO_COLOR, set TERM"))
    elif "utf" not in console.encoding.lower():
        said = f"{size}, and the encoding is {console.encoding}: a QR needs block characters"
        yield Finding(name, Verdict.WARNING, said, Hint(note="set LANG=C.UTF-8"))
    elif columns >= _HALF_BLOCKS[0] and rows >= _HALF_BLOCKS[1]:
        yield Finding(name, Verdict.OK, f"{size}: every QR fits in half blocks")
    elif columns >= _SEXTANTS[0] and rows >= _SEXTANTS[1] and os.environ.get("TERM") != "linux":
        said = f"{size}: a QR fits in sextants, which the font must have; see the pictures"
        yield Finding(name, Verdict.OK, said)
    else:
        said = f"{size}: a QR may not fit"
        fix = Hint(note="make it 80x24 or larger, or pair with `--phone -`")
        yield Finding(name, Verdict.WARNING, said, fix)


def image(offer: Offer, columns: int, rows: int) -> str | None:
    """Give what draws a QR as an image; None if this terminal draws none, or it does not fit."""
    if offer.style is None:
        return None
    matrix = make_matrix(SecretStr(f"{offer.style.value} works"), TERMINAL_BORDER)
    placed = fit(len(matrix), columns, rows - 1, offer.cell)
    if placed is None:
        return None
    return "\n" * (placed.rows - 1) + overlay(matrix, offer.style, placed) + "\n"


def pictures() -> Iterator[Text]:
    """Draw a QR in each style, side by side: that which a camera reads is right."""
    drawn = []
    for style in TerminalStyle:
        code = SecretStr(f"{style.value} works"[:17])  # the smallest QR holds 17 bytes at level L
        drawn.append(draw(make_matrix(code, TERMINAL_BORDER), style))
    for rows in zip_longest(*drawn):
        line = Text("  ", no_wrap=True)
        for row, column in zip(rows, drawn, strict=True):
            width = len(column[0])
            line.append(row or " " * width, style=INK if row else "")
            line.append(_GAP)
        yield line
    widths = [
        max(len(rows[0]), len(style.value))
        for rows, style in zip(drawn, TerminalStyle, strict=True)
    ]
    labels = (f"{style.value:{width}}" for style, width in zip(TerminalStyle, widths, strict=True))
    yield Text("  " + _GAP.join(labels), no_wrap=True)
