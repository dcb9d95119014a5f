"""What a person sees in a terminal while a device is linked, as a rich renderable.

The QR brings its own black ink and white ground, because nobody knows the theme: uncoloured
blocks decode either on dark or on light terminals, never on both.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from .matrix import TERMINAL_BORDER, half_blocks, make_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr
    from rich.console import Console, ConsoleOptions, RenderResult

INK = Style(color="#000000", bgcolor="#ffffff", bold=False, dim=False)
GRACE = 1.0
"""Seconds for which a dead code stays: the next one is on its way, and blinking disturbs."""

_MENU = "On the phone: WhatsApp > Settings > Linked devices > Link a device"
_CODE_MENU = f"{_MENU}\n> Link with phone number instead, then type the code"
_FOOTER_ROWS = 2  # menu and countdown
_CODE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class _Shown:
    expires: float
    rows: list[str] = field(default_factory=list, repr=False)
    code: SecretStr | None = None


class PairingView:
    """The live QR or pair code with its countdown; a Sink, and a renderable for `rich.live.Live`.

    It measures the console anew whenever it is drawn. Whoever draws it must do so about once a
    second for the countdown, and only on a terminal: what it shows is a secret. `clock` counts
    seconds, `command` is what the advice tells people to type (None: there is nothing to type),
    `reserve` is how many rows the caller draws beside it (the cursor's row included).
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        command: str | None = "wa-supervisor run",
        reserve: int = 1,
    ) -> None:
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
        rows = half_blocks(make_matrix(payload, TERMINAL_BORDER))
        self._shown = _Shown(self._clock() + lifetime, rows)

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
            obstacle = self._obstacle(shown.rows, console, options)
            yield from self._advice(obstacle) if obstacle else _qr(shown.rows)
            yield Text(f"New code in {_seconds(left)}", no_wrap=True, overflow="crop")

    def _obstacle(self, rows: list[str], console: Console, options: ConsoleOptions) -> str:
        """Say why the QR cannot be drawn, or nothing."""
        width = max(len(rows[0]), len(_MENU))
        height = len(rows) + _FOOTER_ROWS + self._reserve
        size = console.size
        if options.max_width < width or size.height < height:
            return (
                f"The QR needs a terminal of {width} columns and {height} rows; "
                f"this one has {options.max_width} and {size.height}.\n"
                "Make the window larger or the font smaller and it appears."
            )
        if console.no_color or console.color_system is None:
            return "The QR needs black and white, but this terminal shows no colours (NO_COLOR?)."
        if options.ascii_only:
            return (
                f"The QR needs block characters, but the output's encoding is {options.encoding}."
            )
        return ""

    def _advice(self, obstacle: str) -> Iterator[Text]:
        if self._command is None:
            yield Text(obstacle)
            return
        yield Text(
            f"{obstacle}\n"
            "Or stop this (Ctrl-C), and for an image or for a code to type on the phone run:\n"
            f"  {self._command} --qr png:wa-qr.png\n"
            f"  {self._command} --phone NUMBER"
        )


def _qr(rows: list[str]) -> Iterator[Text]:
    for row in rows:
        yield Text(row, style=INK, no_wrap=True, overflow="crop")
    yield Text(_MENU, no_wrap=True, overflow="crop")


def _code(code: SecretStr, left: float) -> Iterator[Text]:
    letters = code.get_secret_value().replace("-", "")
    if len(letters) == _CODE_LENGTH:
        letters = f"{letters[:4]}-{letters[4:]}"
    yield Text.assemble("Pair code: ", (letters, "bold"))
    yield Text(_CODE_MENU)
    yield Text(f"It is good for another {_seconds(left)}")


def _seconds(left: float) -> str:
    return f"{max(0, math.ceil(left))} s"
