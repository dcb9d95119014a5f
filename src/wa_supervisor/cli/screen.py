"""What `run` draws below its log: the code to scan, and one line that says how things stand."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from rich.live import Live
from rich.text import Text

from ..pairing.images import Cell
from ..pairing.terminal import TerminalSink, redrawing
from ..pairing.terminal_query import Offer, ask_terminal, cell_size
from ..pairing.view import PairingView
from ..times import span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr
    from rich.console import Console, ConsoleOptions, RenderableType

    from ..pairing.sink import Sink
    from ..pairing.spec import Style
    from ..status import Status

_STYLES = {"Connected": "green", "Pairing": "cyan", "GaveUp": "bold red"}
_REDRAWS = 4.0  # a second, so that a countdown never skips
_NOTE_SECONDS = 15.0


def offer_of(console: Console, style: Style | None) -> Offer:
    """Find out which images the terminal draws; where the style is chosen, only its cells."""
    try:
        descriptor = console.file.fileno()
    except (OSError, ValueError):  # it is none that could be asked
        return Offer()
    if style is None:
        return ask_terminal(descriptor)
    return Offer(None, cell_size(descriptor) or Cell())


class HasStatus(Protocol):
    """Whoever knows how a session stands: its supervisor, or one who asks that."""

    @property
    def status(self) -> Status:
        """How it stands now."""


class Screen:
    """A sink and a live display in one. On no terminal it draws nothing and says so once."""

    def __init__(
        self,
        console: Console,
        *,
        command: str | None = "wa-supervisor run",
        reserve: int = 1,
        view: PairingView | None = None,
    ) -> None:
        self.console = console
        # Asked of the file, not of rich: FORCE_COLOR must not bring a secret into a log file.
        self.is_live = console.file.isatty() and not console.is_dumb_terminal
        self._view = view or PairingView(command=command, reserve=reserve)
        self._sink: Sink = (
            self._view if self.is_live else TerminalSink(console, tty=False, command=command)
        )
        self._display: Live | None = None
        self._supervisor: HasStatus | None = None
        self._note: Text | None = None
        self._note_until = 0.0

    def in_style(self, style: Style | None) -> Screen:
        """Draw a QR so from now on; None: with what fits, after asking the terminal for images."""
        self._view.style = style
        if self.is_live:
            self._view.offer = offer_of(self.console, style)
        return self

    @contextlib.contextmanager
    def live(self, supervisor: HasStatus) -> Iterator[None]:
        """Draw for as long as this lasts."""
        self._supervisor = supervisor
        if not self.is_live:
            yield
            return
        self._display = Live(
            console=self.console,
            get_renderable=redrawing(self.console, self, self._on_missed),
            refresh_per_second=_REDRAWS,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else what is for a file would be drawn here
        )
        with self._display:
            yield
        self._display = None

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Draw this QR in place of the last."""
        self._sink.show_qr(payload, lifetime)
        self.refresh()

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Draw this pair code in place of the last."""
        self._sink.show_code(code, lifetime)
        self.refresh()

    def hide(self) -> None:
        """Take the code off the screen."""
        self._sink.hide()
        self.refresh()

    def close(self) -> None:
        """Take the code off the screen."""
        self._sink.close()
        self.refresh()

    def refresh(self) -> None:
        """Draw now."""
        if self._display is not None:
            self._display.refresh()

    def _on_missed(self, count: int) -> None:
        notice = f"{count} updates and log lines are missing: this terminal took none for a while"
        self._note = Text(notice, style="yellow", no_wrap=True, overflow="ellipsis")
        self._note_until = time.monotonic() + _NOTE_SECONDS

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Draw the code, if there is one, and the status."""
        del console
        yield self._view
        if self._supervisor is not None:
            note = self._note if time.monotonic() < self._note_until else None
            line = note or status_line(self._supervisor.status)
            # A terminal echoes ^C behind it: on a full line that would wrap, and shift the screen.
            line.truncate(options.max_width - len("^C"), overflow="ellipsis")
            yield line


def status_line(status: Status) -> Text:
    """Say in one line where the session is, why, and until when."""
    line = Text(no_wrap=True, overflow="ellipsis")
    state = status.state.value
    if status.substate not in {None, "online"}:
        state += f".{status.substate}"
    line.append(f"{status.session}: ", style="bold")
    line.append(state, style=_STYLES.get(status.state.value, "yellow"))
    if status.retries:
        line.append(f", retry {status.retries}")
    if status.not_before is not None:
        line.append(f", next dial in {span(status.not_before - datetime.now(UTC))}")
    if status.sentence:
        line.append(f" - {status.sentence}")
    return line
