"""What may be written after `--qr`: a kind of sink and, for files, where."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from .styles import TerminalStyle


class SinkKind(enum.Enum):
    """Where a QR or pair code can be shown."""

    TERMINAL = "terminal"
    PNG = "png"
    SVG = "svg"
    PAYLOAD = "payload"


CHOICES = "terminal[:half|sextant|octant], png:PATH, svg:PATH, payload:PATH"


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One parsed `--qr` value; every kind but the terminal has a path."""

    kind: SinkKind
    path: Path | None = None
    style: TerminalStyle | None = None
    """What a terminal draws it with; None: what fits."""

    @classmethod
    def parse(cls, text: str) -> SinkSpec:
        """Read one value. Raises ConfigError that names the choices."""
        word, colon, path = text.partition(":")
        try:
            kind = SinkKind(word)
        except ValueError:
            close = difflib.get_close_matches(word, [kind.value for kind in SinkKind], n=1)
            guess = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(
                f"a QR cannot be shown on {word[:20]!r}{guess}; choose from: {CHOICES}"
            ) from None
        if kind is SinkKind.TERMINAL:
            return cls(kind, style=_style(path) if colon else None)
        if not path:
            raise ConfigError(f"{kind.value!r} takes a path; choose from: {CHOICES}")
        return cls(kind, Path(path).expanduser())


def _style(text: str) -> TerminalStyle:
    try:
        return TerminalStyle(text)
    except ValueError:
        known = ", ".join(each.value for each in TerminalStyle)
        raise ConfigError(
            f"'terminal' has no style {text[:20]!r}: it is one of {known}; choose from: {CHOICES}"
        ) from None
