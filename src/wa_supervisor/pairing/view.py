"""What a person sees in a terminal while a device is linked, as a rich renderable.

The QR brings its own black ink and white ground, because nobody knows the theme: uncoloured
blocks decode either on dark or on light terminals, never on both.
"""

from __future__ import annotations

import math
import os
import textwrap
import time
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from .matrix import TERMINAL_BORDER, make_matrix
from .styles import TerminalStyle, draw, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr
    from rich.console import Console, ConsoleOptions, RenderResult

    from .matrix import Matrix

INK = Style(color="#000000", bgcolor="#ffffff", bold=False, dim=False)
GRACE = 1.0
"""Seconds for which a dead code stays: the next one is on its way, and blinking disturbs."""

_MENU = "On the phone: WhatsApp > Settings > Linked devices > Link a device"
_CODE_MENU = f"{_MENU}\n> Link with phone number instead, then type the code"
_FOOTER_ROWS = 2  # menu and countdown
_SIDE_COLUMNS = 28  # the least for the words beside a code
_GAP = "  "
_CODE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class _Shown:
    expires: float
    matrix: Matrix = field(default=(), repr=False)
    code: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class _Layout:
    """One way to draw the code."""

    style: TerminalStyle
    beside: bool
    """The words stand beside the code and not below it: that takes columns and saves rows."""

    def needs(self, side: int, reserve: int) -> tuple[int, int]:
        """Say how many columns and rows a matrix of this side needs so."""
        columns, rows = size(side, self.style)
        if self.beside:
            return columns + len(_GAP) + _SIDE_COLUMNS, rows + reserve
        return max(columns, len(_MENU)), rows + _FOOTER_ROWS + reserve


class PairingView:
    """The live QR or pair code with its countdown; a Sink, and a renderable for `rich.live.Live`.

    It measures the console anew whenever it is drawn. Whoever draws it must do so about once a
    second for the countdown, and only on a terminal: what it shows is a secret. `clock` counts
    seconds, `command` is what the advice tells people to type (None: there is nothing to type),
    `reserve` is how many rows the caller draws beside it (the cursor's row included). `style` is
    what the QR is drawn with; None: half blocks where they fit, else sextants.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        command: str | None = None,
        reserve: int = 1,
        style: TerminalStyle | None = None,
    ) -> None:
        self.style = style
        self._clock = clock
        self._command = command
        self._reserve = reserve
        self._shown: _Shown | None = None

    @property
    def visible(self) -> bool:
        """Whether there is something to draw."""
        return self._shown is not None

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Draw this QR from now on."""
        self._shown = _Shown(self._clock() + lifetime, make_matrix(payload, TERMINAL_BORDER))

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Draw this pair code from now on."""
        self._shown = _Shown(self._clock() + lifetime, code=code)

    def hide(self) -> None:
        """Draw nothing from now on."""
        self._shown = None

    def close(self) -> None:
        """Draw nothing from now on."""
        self.hide()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self._shown  # read once: another thread may replace it
        if shown is None:
            return
        left = shown.expires - self._clock()
        if left <= -GRACE:
            yield Text("The code has expired; waiting for a new one.")
        elif shown.code is not None:
            yield from _code(shown.code, left)
        else:
            yield from self._qr(shown.matrix, left, console, options)

    def _qr(
        self, matrix: Matrix, left: float, console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        layouts = _layouts() if self.style is None else _both(self.style)
        room = options.max_width, console.size.height
        fits = (each for each in layouts if _fits(each.needs(len(matrix), self._reserve), room))
        layout = next(fits, None)
        countdown = f"New code in {_seconds(left)}"
        obstacle = _obstacle(console, options) or ("" if layout else self._too_small(matrix, room))
        if layout is None or obstacle:
            yield from self._advice(obstacle)
            yield Text(countdown, no_wrap=True, overflow="crop")
            return
        rows = draw(matrix, layout.style)
        note = "" if layout.style is TerminalStyle.HALF else self._note()
        if layout.beside:
            yield from _beside(rows, [_MENU, countdown, note], options.max_width)
            return
        for row in rows:
            yield Text(row, style=INK, no_wrap=True, overflow="crop")
        yield Text(_MENU, no_wrap=True, overflow="crop")
        yield Text(countdown, no_wrap=True, overflow="crop")

    def _too_small(self, matrix: Matrix, room: tuple[int, int]) -> str:
        style = self.style or _layouts()[-1].style
        beside, below = (each.needs(len(matrix), self._reserve) for each in reversed(_both(style)))
        needed = " or ".join(
            f"{columns} columns and {rows} rows" for columns, rows in (beside, below)
        )
        return (
            f"The QR needs a terminal of {needed}; this one has {room[0]} and {room[1]}.\n"
            "Make the window larger or the font smaller and it appears."
        )

    def _note(self) -> str:
        """Say what to do where the terminal has no such characters."""
        if self._command is None:
            return "If there are boxes in place of a code, make the window larger."
        return (
            "If there are boxes in place of a code, make the window larger, or type "
            f"`{self._command.replace(' run', ' qr', 1)} --png wa-qr.png` elsewhere."
        )

    def _advice(self, obstacle: str) -> Iterator[Text]:
        if self._command is None:
            yield Text(obstacle)
            return
        yield Text(
            f"{obstacle}\n"
            "Or, in another terminal, have it there or as an image:\n"
            f"  {self._command.replace(' run', ' qr', 1)} [--png wa-qr.png]\n"
            "Or stop this (Ctrl-C), and for a code to type on the phone run:\n"
            f"  {self._command} --phone -"
        )


def _both(style: TerminalStyle) -> tuple[_Layout, ...]:
    return _Layout(style, beside=False), _Layout(style, beside=True)


def _layouts() -> tuple[_Layout, ...]:
    """Say what may be tried, in that order. The kernel's own console has 512 characters at most."""
    if os.environ.get("TERM") == "linux":
        return _both(TerminalStyle.HALF)
    return *_both(TerminalStyle.HALF), *_both(TerminalStyle.SEXTANT)


def _fits(needs: tuple[int, int], room: tuple[int, int]) -> bool:
    return needs[0] <= room[0] and needs[1] <= room[1]


def _obstacle(console: Console, options: ConsoleOptions) -> str:
    """Say why no QR can be drawn here, whatever the size; or nothing."""
    if console.no_color or console.color_system is None:
        return "The QR needs black and white, but this terminal shows no colours (NO_COLOR?)."
    if options.ascii_only:
        return f"The QR needs block characters, but the output's encoding is {options.encoding}."
    return ""


def _beside(rows: list[str], words: list[str], width: int) -> Iterator[Text]:
    """Draw the code, and the words wrapped at its right."""
    room = width - len(rows[0]) - len(_GAP)
    lines = [line for text in words if text for line in ["", *textwrap.wrap(text, room)]]
    for row, line in zip_longest(rows, lines[: len(rows)], fillvalue=""):
        yield Text.assemble((row, INK), _GAP, line, no_wrap=True, overflow="crop")


def _code(code: SecretStr, left: float) -> Iterator[Text]:
    letters = code.get_secret_value().replace("-", "")
    if len(letters) == _CODE_LENGTH:
        letters = f"{letters[:4]}-{letters[4:]}"
    yield Text.assemble("Pair code: ", (letters, "bold"))
    yield Text(_CODE_MENU)
    yield Text(f"It is good for another {_seconds(left)}")


def _seconds(left: float) -> str:
    return f"{max(0, math.ceil(left))} s"
