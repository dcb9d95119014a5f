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

_FILES: dict[SinkKind, Callable[[Path], Sink]] = {
    SinkKind.PNG: PngFile,
    SinkKind.SVG: SvgFile,
    SinkKind.PAYLOAD: PayloadFile,
}


def parse_sink(text: str, *, terminal: Sink | None = None) -> Sink:
    """Make the sink that a `--qr` value asks for.

    `terminal` is used for the value `terminal`, for example a PairingView that the caller draws;
    without it a TerminalSink on standard output is made. Raises ConfigError.
    """
    spec = SinkSpec.parse(text)
    if spec.path is None:
        return terminal or TerminalSink()
    return _FILES[spec.kind](spec.path)
