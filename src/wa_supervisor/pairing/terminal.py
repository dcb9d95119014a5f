"""The terminal as a sink of its own: it draws the view in place and takes it away again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.control import Control
from rich.live import Live

from ..output import Output, bounded
from .view import PairingView

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr
    from rich.console import RenderableType

    from .spec import Style


TICK = 1.0  # seconds between two redraws


class TerminalSink:
    """A PairingView that redraws itself every second while there is something to see.

    `tty` says whether the console is a person's terminal; by default the file is asked, not
    rich, because FORCE_COLOR must not bring a secret into a log file. Where it is none, or cannot
    move its cursor (TERM=dumb), one plain line tells where the QR can be had.
    """

    def __init__(
        self,
        console: Console | None = None,
        view: PairingView | None = None,
        *,
        tty: bool | None = None,
        command: str | None = None,
        style: Style | None = None,
    ) -> None:
        self._console = console or Console(file=bounded(sys.stdout))
        self._view = view or PairingView(command=command, reserve=0, style=style)
        person = self._console.file.isatty() and not self._console.is_dumb_terminal
        self._tty = person if tty is None else tty
        self._command = command
        self._live: Live | None = None
        self._announced = False

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Draw this QR in place of the last."""
        if self._may_draw("A QR"):
            self._view.show_qr(payload, lifetime)
            self._draw()

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Draw this pair code in place of the last."""
        if self._may_draw("A pair code"):
            self._view.show_code(code, lifetime)
            self._draw()

    def hide(self) -> None:
        """Wipe the drawing off the screen."""
        self._view.hide()
        self._announced = False
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def close(self) -> None:
        """Wipe the drawing off the screen."""
        self.hide()

    def _draw(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=redrawing(self._console, self._view),
                refresh_per_second=1 / TICK,
                transient=True,
            )
            self._live.start()
        self._live.refresh()

    def _may_draw(self, what: str) -> bool:
        if not self._tty and not self._announced:
            self._announced = True
            advice = (
                f" `{self._command.replace(' run', ' qr', 1)}` in a terminal shows it;"
                " --qr png:PATH or payload:PATH writes it to a file."
                if self._command
                else ""
            )
            self._console.print(
                f"{what} to link the device is ready, but this is no terminal to show it on."
                f"{advice}",
                soft_wrap=True,
                markup=False,
                highlight=False,
            )
        return self._tty


def redrawing(
    console: Console, renderable: RenderableType, on_missed: Callable[[int], None] | None = None
) -> Callable[[], RenderableType]:
    """Make a `get_renderable` for Live that wipes the screen when it is not what Live drew.

    Live goes back as many rows as it drew. But a terminal that changed its size has wrapped them
    anew, and one that was stopped (Ctrl-S) has missed some: parts of a dead QR would stay on the
    screen. `on_missed` learns how many texts did not reach the terminal.
    """
    size = console.size

    def get_renderable() -> RenderableType:
        nonlocal size
        missed = console.file.take_missed() if isinstance(console.file, Output) else 0
        if missed and on_missed is not None:
            on_missed(missed)
        if missed or console.size != size:
            size = console.size
            console.control(Control.clear(), Control.home())
        return renderable

    return get_renderable
