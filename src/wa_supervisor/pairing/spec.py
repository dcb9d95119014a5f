"""What may be written after `--qr`: a kind of sink and, for files, where."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError


class SinkKind(enum.Enum):
    """Where a QR or pair code can be shown."""

    TERMINAL = "terminal"
    PNG = "png"
    SVG = "svg"
    PAYLOAD = "payload"


CHOICES = "terminal, png:PATH, svg:PATH, payload:PATH"


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One parsed `--qr` value; every kind but the terminal has a path."""

    kind: SinkKind
    path: Path | None = None

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
        if kind is SinkKind.TERMINAL and not colon:
            return cls(kind)
        if kind is SinkKind.TERMINAL or not path:
            raise ConfigError(
                f"{kind.value!r} takes {'no path' if kind is SinkKind.TERMINAL else 'a path'}; "
                f"choose from: {CHOICES}"
            )
        return cls(kind, Path(path).expanduser())
