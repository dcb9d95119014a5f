"""What the supervisor asks of everything that can show a QR or a pair code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr


class Sink(Protocol):
    """A place where a person, or a program of theirs, sees how to link the device.

    The methods are called on a thread of the sink's own, not on an event loop, and may block. They
    raise StoreError if the place cannot be used; nothing else depends on it. Of codes that came
    while it was at work only the newest is shown.
    """

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Show this QR in place of whatever was shown; it dies in `lifetime` seconds."""

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Show this pair code in place of whatever was shown; it dies in `lifetime` seconds."""

    def hide(self) -> None:
        """Take away what is shown; without anything shown this does nothing."""

    def close(self) -> None:
        """Take away what is shown, for the last time."""


class AsyncSink(Protocol):
    """A `Sink` of coroutine functions, which are awaited on the supervisor's event loop."""

    async def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Show this QR in place of whatever was shown; it dies in `lifetime` seconds."""

    async def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Show this pair code in place of whatever was shown; it dies in `lifetime` seconds."""

    async def hide(self) -> None:
        """Take away what is shown; without anything shown this does nothing."""

    async def close(self) -> None:
        """Take away what is shown, for the last time."""
