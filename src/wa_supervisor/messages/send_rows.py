"""What an outbox keeps its keys in, as a type: a file, or a database that machines share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one key."""

    state: str
    details: str


class SendRows(Protocol):
    """The rows, see `OutboxStore`. Each method may raise OutboxError; a change then lasts."""

    def dispatch(self, key: str, what: bytes) -> Row | None:
        """Keep that the client may have this key's message now, or return its result."""

    def settle(self, key: str, state: str, details: str) -> None:
        """Keep the result of what was dispatched."""

    def amend(self, key: str, state: str, details: str) -> None:
        """Keep the result of what was unknown."""

    def get(self, key: str) -> Row | None:
        """Return what is known of a key."""

    def close(self) -> None:
        """Let go of it."""


class Sends(Protocol):
    """Where the keys of a session are that are not in a file on this disk."""

    def open(self) -> SendRows:
        """Open the rows; what was under way is unknown now. Raises OutboxError."""

    def set_aside(self, target: Path) -> None:
        """Begin anew, for another account. Raises OutboxError."""
