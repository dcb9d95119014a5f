"""What the supervisor asks of everything that can show a QR or a pair code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr


class Sink(Protocol):
    """A place where a person, or a program of theirs, sees how to link the device.

    The methods are called from one thread at a time, and may block for the time a small file
    takes. They raise StoreError if the place cannot be used; nothing else depends on it.
    """

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Show this QR in place of whatever was shown; it dies in `lifetime` seconds."""

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Show this pair code in place of whatever was shown; it dies in `lifetime` seconds."""

    def hide(self) -> None:
        """Take away what is shown; without anything shown this does nothing."""

    def close(self) -> None:
        """Take away what is shown, for the last time."""
