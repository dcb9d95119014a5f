"""Whose a session is, and the one way to write what only its owner may write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ownership:
    """The right of one worker to one session, until another takes it over."""

    session: str
    worker: str
    epoch: int
    """One more than that of the owner before; a write that carries an older one is refused."""
