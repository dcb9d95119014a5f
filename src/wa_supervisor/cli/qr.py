"""`wa-supervisor qr`: the code of a running supervisor, in this terminal or as an image."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from ..control import ask_code
from ..errors import ConfigError
from ..lifecycle import Reason, State
from ..pairing.files import PngFile
from .exits import INTERRUPTED, gave_up
from .explain import explanation
from .screen import Screen
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from ..control import ShownCode
    from ..pairing.sink import Sink
    from ..status import Status
    from ..store import SessionFiles

_EVERY: Final = 0.5  # seconds between two looks
_OVER: Final = {State.CONNECTED, State.GAVE_UP, State.STOPPED}


def qr(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Put it into an image instead.")
    ] = None,
) -> None:
    """Show the QR or pair code of a running supervisor until the device is paired.

    It is replaced as it changes; an image is removed at the end.
    """
    options = SessionOptions(session, data_dir, config)
    try:
        with options.advising():
            status = _show(options.files(), png)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if status.state is State.CONNECTED:
        print(f"{status.session}: paired and connected.")
        return
    print(f"{status.session}: {status.state}")
    reason = Reason(status.reason) if status.reason else None
    if reason is not None:
        print("\n".join(f"  {line}" for line in explanation(reason, status.detail, options)))
    raise typer.Exit(gave_up(reason))


class _Standing:
    """How the session stood when it was last asked."""

    def __init__(self, status: Status) -> None:
        self.status = status


def _show(files: SessionFiles, png: Path | None) -> Status:
    """Show each code until nobody needs one; return how the session stands then."""
    status, code = ask_code(files)
    if png is not None:
        sink = PngFile(png)
        print(f"The QR is in {sink.path} while there is one; it is replaced as it changes.")
        try:
            return _follow(files, _Standing(status), code, sink)
        finally:
            sink.close()
    console = Console()
    screen = Screen(console, command=None)
    if not screen.is_live:
        raise ConfigError(
            "this is no terminal to show a code on", hint="wa-supervisor qr --png wa-qr.png"
        )
    screen.in_style(None)
    standing = _Standing(status)
    with screen.live(standing):
        return _follow(files, standing, code, screen)


def _follow(files: SessionFiles, standing: _Standing, code: ShownCode | None, sink: Sink) -> Status:
    shown: str | None = None
    while standing.status.state not in _OVER:
        text = None if code is None else code.text.get_secret_value()
        if text != shown and code is not None and code.kind == "pair_code" and _is_image(sink):
            print("It is a pair code, which no image helps with: `wa-supervisor qr` shows it.")
        if text != shown:
            _hand_over(code, sink)
            shown = text
        time.sleep(_EVERY)
        standing.status, code = ask_code(files)
    sink.hide()
    return standing.status


def _is_image(sink: Sink) -> bool:
    """Whether a sink has no room for a pair code, which is typed and not scanned."""
    return isinstance(sink, PngFile)


def _hand_over(code: ShownCode | None, sink: Sink) -> None:
    if code is None:
        sink.hide()
    elif code.kind == "qr":
        sink.show_qr(code.text, code.left)
    else:
        sink.show_code(code.text, code.left)
