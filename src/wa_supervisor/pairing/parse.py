"""From what is written after `--qr` to the sink that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .files import PayloadFile, PngFile, SvgFile
from .spec import SinkKind, SinkSpec
from .terminal import TerminalSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .sink import Sink
    from .spec import Style

_FILES: dict[SinkKind, Callable[[Path], Sink]] = {
    SinkKind.PNG: PngFile,
    SinkKind.SVG: SvgFile,
    SinkKind.PAYLOAD: PayloadFile,
}


def parse_sink(text: str, *, terminal: Callable[[Style | None], Sink] | None = None) -> Sink:
    """Make the sink that a `--qr` value asks for.

    `terminal` makes the sink for the value `terminal`, for example a PairingView that the caller
    draws; without it a TerminalSink on standard output is made. Raises ConfigError.
    """
    spec = SinkSpec.parse(text)
    if spec.path is None:
        return terminal(spec.style) if terminal else TerminalSink(style=spec.style)
    return _FILES[spec.kind](spec.path)
