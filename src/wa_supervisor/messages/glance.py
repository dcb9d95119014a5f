"""What the inbox wants to know of an event before anybody reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glance:
    """What a first look at an event says."""

    key: bytes | None
    """What is the same for two events of one message; None for what is not for a reader."""
    phone_at: int = 0
    """When the account's own phone sent it, in milliseconds since 1970; 0 if it did not."""
