"""The sink that only remembers what is shown, for those who ask."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

Kind: TypeAlias = Literal["qr", "pair_code"]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A QR payload or pair code, and when it dies, on the clock of `CurrentCode`."""

    kind: Kind
    text: SecretStr
    expires: float


class CurrentCode:
    """A sink that shows nothing to anybody by itself. Safe to be read from another thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: Remembered | None = None

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Remember this QR in place of the last."""
        self._shown = Remembered("qr", payload, self._clock() + lifetime)

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Remember this pair code in place of the last."""
        self._shown = Remembered("pair_code", code, self._clock() + lifetime)

    def hide(self) -> None:
        """Forget it."""
        self._shown = None

    def close(self) -> None:
        """Forget it."""
        self._shown = None

    def read(self) -> tuple[Kind, SecretStr, float] | None:
        """Return what is shown and for how many seconds it lives; None if nothing does."""
        shown = self._shown  # read once: another thread may replace it
        if shown is None or shown.expires <= self._clock():
            return None
        return shown.kind, shown.text, shown.expires - self._clock()
