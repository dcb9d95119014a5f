"""What may be written after `--qr`: a kind of sink and, for files, where."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..errors import ConfigError
from .images import ImageStyle
from .styles import TerminalStyle

Style: TypeAlias = TerminalStyle | ImageStyle


class SinkKind(enum.Enum):
    """Where a QR or pair code can be shown."""

    TERMINAL = "terminal"
    PNG = "png"
    SVG = "svg"
    PAYLOAD = "payload"


CHOICES = "terminal[:half|sextant|octant|kitty|iterm2|sixel], png:PATH, svg:PATH, payload:PATH"


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One parsed `--qr` value; every kind but the terminal has a path."""

    kind: SinkKind
    path: Path | None = None
    style: Style | None = None
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


_STYLES: dict[str, Style] = {each.value: each for each in (*TerminalStyle, *ImageStyle)}


def _style(text: str) -> Style:
    try:
        return _STYLES[text]
    except KeyError:
        close = difflib.get_close_matches(text, _STYLES, n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(
            f"'terminal' has no style {text[:20]!r}{guess}: it is one of {', '.join(_STYLES)}; "
            f"choose from: {CHOICES}"
        ) from None
