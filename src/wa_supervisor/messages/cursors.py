"""How far each reader of the index has come, and how things stand with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

PHONE: Final = "phone_seen"
"""The count that is none: when the phone last sent something, in milliseconds since 1970."""

JUMPED: Final = "jumped"
"""The count of numbers that no item has, as another machine has given higher ones."""


@dataclass(slots=True)
class Cursor:
    """How far one reader has come."""

    acknowledged: int
    """Everything up to this number."""
    handed: int
    """The highest number that was handed out."""
    ahead: set[int] = field(default_factory=set)
    """What was acknowledged beyond `acknowledged`, out of turn."""

    def pass_over(self, number: int) -> None:
        """Go on after this item."""
        self.acknowledged = max(self.acknowledged, number)
        self.handed = max(self.handed, number)
        self.ahead = {each for each in self.ahead if each > number}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one look at the log has brought."""

    added: int
    more: bool
    """There was more than was looked at."""
    blocked: bool
    """See `segments.Tail`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How things stood after the last change, for any thread to look at."""

    received: int
    """The number of the newest item."""
    depths: Mapping[str, int]
    """What each reader has not acknowledged."""
    oldest: int | None
    """When the oldest item of those arrived (nanoseconds since 1970)."""
    bytes: int
    """Of the segments there are."""
    counts: Mapping[str, int]
    """`duplicates`, `unreadable`, `torn`, `damaged`, `lost`, `set_aside`, those that are not 0."""
    floor: int
    """The highest number of a segment that was looked at, see `LogWriter.open`."""


def phone_seen_at(counts: Mapping[str, int]) -> datetime | None:
    """Return when the account's own phone last sent something, as far as that came here."""
    seen = counts.get(PHONE)
    return None if seen is None else datetime.fromtimestamp(seen / 1e3, UTC)
