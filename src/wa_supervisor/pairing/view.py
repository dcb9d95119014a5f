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

from rich.segment import ControlType, Segment
from rich.style import Style
from rich.text import Text

from .images import FORGET_KITTY, ImageStyle, fit, overlay
from .matrix import TERMINAL_BORDER, make_matrix
from .styles import TerminalStyle, draw, size
from .terminal_query import Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr
    from rich.console import Console, ConsoleOptions, RenderResult

    from . import spec
    from .images import Placement
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


@dataclass(frozen=True, slots=True)
class _Picture:
    """One way to draw the code as an image."""

    style: ImageStyle
    placed: Placement
    beside: bool
    """As of `_Layout`."""


class PairingView:
    """The live QR or pair code with its countdown; a Sink, and a renderable for `rich.live.Live`.

    It measures the console anew whenever it is drawn. Whoever draws it must do so about once a
    second for the countdown, and only on a terminal: what it shows is a secret. `clock` counts
    seconds, `command` is what the advice tells people to type (None: there is nothing to type),
    `reserve` is how many rows the caller draws beside it (the cursor's row included). `style` is
    what the QR is drawn with; None: as an image where `offer` says that the terminal draws one,
    else in half blocks where they fit, else in sextants. `menu` says how a QR is scanned, in no
    more letters than the usual words.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        command: str | None = None,
        reserve: int = 1,
        style: spec.Style | None = None,
        menu: str = _MENU,
    ) -> None:
        self._menu = menu
        self.style = style
        self.offer = Offer()
        self._in_kitty = False
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
        if (shown is None or shown.code is not None) and self._in_kitty:
            yield _unseen(FORGET_KITTY)
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
    ) -> Iterator[Text | Segment]:
        room = options.max_width, console.size.height
        style = self.offer.style if self.style is None else self.style
        if isinstance(style, ImageStyle):
            if picture := self._picture(matrix, style, room):
                yield from self._image(matrix, picture, left, options.max_width)
                return
            if self._in_kitty:
                yield _unseen(FORGET_KITTY)
        layouts = _both(self.style) if isinstance(self.style, TerminalStyle) else _layouts()
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
            yield from _beside(rows, [self._menu, countdown, note], options.max_width)
            return
        for row in rows:
            yield Text(row, style=INK, no_wrap=True, overflow="crop")
        yield Text(self._menu, no_wrap=True, overflow="crop")
        yield Text(countdown, no_wrap=True, overflow="crop")

    def _picture(self, matrix: Matrix, style: ImageStyle, room: tuple[int, int]) -> _Picture | None:
        """Say how large an image can be, and where the words stand. A row below it is left free."""
        columns, rows = room[0], room[1] - self._reserve - 1
        narrow = columns - len(_GAP) - _SIDE_COLUMNS
        ways = [
            (fit(len(matrix), columns, rows - _FOOTER_ROWS, self.offer.cell), False),
            (fit(len(matrix), narrow, rows, self.offer.cell), True),
        ]
        found = [_Picture(style, placed, beside) for placed, beside in ways if placed is not None]
        return max(found, key=lambda each: each.placed.scale, default=None)

    def _image(
        self, matrix: Matrix, picture: _Picture, left: float, width: int
    ) -> Iterator[Text | Segment]:
        """Draw empty rows, the words beside or below them, and the image over the rows."""
        self._in_kitty = picture.style is ImageStyle.KITTY
        words = [self._menu, f"New code in {_seconds(left)}"]
        empty = [" " * picture.placed.columns] * picture.placed.rows
        *rows, last = _beside(empty, words if picture.beside else [], width, ground=Style())
        yield from rows
        last.end = ""
        yield last
        yield _unseen(overlay(matrix, picture.style, picture.placed))
        yield Text("")
        if not picture.beside:
            for line in words:
                yield Text(line, no_wrap=True, overflow="crop")

    def _too_small(self, matrix: Matrix, room: tuple[int, int]) -> str:
        style = self.style if isinstance(self.style, TerminalStyle) else _layouts()[-1].style
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


def _unseen(text: str) -> Segment:
    """Wrap what is for the terminal and takes no room; the kind of control is not looked at."""
    return Segment(text, None, [(ControlType.BELL,)])


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


def _beside(
    rows: list[str], words: list[str], width: int, *, ground: Style = INK
) -> Iterator[Text]:
    """Draw the code, and the words wrapped at its right."""
    room = width - len(rows[0]) - len(_GAP)
    lines = [line for text in words if text for line in ["", *textwrap.wrap(text, room)]]
    for row, line in zip_longest(rows, lines[: len(rows)], fillvalue=""):
        yield Text.assemble((row, ground), _GAP, line, no_wrap=True, overflow="crop")


def _code(code: SecretStr, left: float) -> Iterator[Text]:
    letters = code.get_secret_value().replace("-", "")
    if len(letters) == _CODE_LENGTH:
        letters = f"{letters[:4]}-{letters[4:]}"
    yield Text.assemble("Pair code: ", (letters, "bold"))
    yield Text(_CODE_MENU)
    yield Text(f"It is good for another {_seconds(left)}")


def _seconds(left: float) -> str:
    return f"{max(0, math.ceil(left))} s"
