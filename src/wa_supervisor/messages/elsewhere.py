"""Messages that other machines have received for this session, or must have if this one dies.

A seam: `SharedIndex` keeps an inbox beside such a place, and `fleet.copies` is one in Postgres.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, repr=False)
class Copy:
    """A message outside of an inbox."""

    key: bytes
    """What tells it from others, see `Glance.key`."""
    record: bytes
    """Its record of the log, see `record.encode`."""
    generation: int
    """The session process that received it."""
    done: frozenset[str]
    """The readers that have acknowledged it."""
    number: int = 0
    """Its place in their order there."""

    def __repr__(self) -> str:
        return f"<copy of {len(self.record)} bytes>"


@dataclass(frozen=True, slots=True)
class Term:
    """One owner's time with a session."""

    epoch: int
    """One more than that of the owner before, wherever that was."""
    readers: frozenset[str]
    """All that read on any machine: messages are kept for them here, too."""


class Arrivals:
    """Says to an inbox and its index that others have handed something over just now."""

    def __init__(self) -> None:
        self.on_news: Callable[[], None] = lambda: None
        """Called with each; set by the inbox."""
        self._is_due = False

    def announce(self) -> None:
        """Have the place looked at now, and not only when that is due."""
        self._is_due = True
        self.on_news()

    def take(self) -> bool:
        """Say whether there is one that nobody has looked for."""
        is_due, self._is_due = self._is_due, False
        return is_due


class Copies(Protocol):
    """The place. Its methods block for a short time and may raise InboxError."""

    @property
    def arrivals(self) -> Arrivals:
        """What others have just handed over, as far as that is announced."""

    @property
    def keeps_all(self) -> bool:
        """Whether all is kept there from before a reader gets it until all have acknowledged it."""

    def begin(self) -> Term:
        """Say whose turn it is, and for whom messages are kept."""

    def register(self, reader: str) -> None:
        """Keep messages for this reader from now on, wherever the session is."""

    def forget(self, reader: str) -> None:
        """Keep none for it any more."""

    def keep(self, copies: Sequence[Copy]) -> None:
        """Keep these, each once; all last when this returns."""

    def waiting(self, after: int, limit: int, *, also_ours: bool) -> Sequence[Copy]:
        """Return what waits there beyond a number, the oldest first.

        `also_ours`: even what an inbox of this machine had, which may have been lost meanwhile.
        """

    def taken(self, copies: Collection[Copy]) -> None:
        """Note that this inbox has them now, and answers for them."""

    def acknowledge(self, reader: str, keys: Collection[bytes]) -> None:
        """Note that a reader shall never get these again."""

    def note_account(self, addresses: str, paired: int | None = None) -> None:
        """Note for the owners to come whose session it is, by its addresses, one a line.

        `paired`: the generation that was paired since, so that it may be another account's.
        """

    def set_aside_before(self, generation: int, target: Path) -> None:
        """Put what earlier generations received for another account into a directory."""
