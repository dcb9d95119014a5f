"""What the recorder needs of a journal: a seam, for a journal that is not on a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from ..status import StepRecord
    from .memory import Memory


class Records(Protocol):
    """The steps and the memory, see `Journal`. Each method blocks and may raise JournalError."""

    @property
    def was_lost(self) -> bool:
        """Whether an earlier one of this session could not be read."""

    def memory(self) -> Memory | None:
        """What the last step left to remember; None before the first."""

    def append(self, record: StepRecord, memory: Memory) -> None:
        """Record a step and what to remember after it; both last when this returns."""

    def skip(self) -> None:
        """Count a step that was not recorded."""

    def ignore(self, record: StepRecord) -> None:
        """Count a fact that meant nothing where it came."""

    def close(self) -> None:
        """Write the last counts and close."""


class DialReserve(Protocol):
    """Where dials are counted that the journal cannot take, see `Reserve`."""

    def prepare(self) -> None:
        """Take the room."""

    def read(self) -> tuple[datetime, ...]:
        """The times that were written last."""

    def write(self, dials: tuple[datetime, ...]) -> None:
        """Keep these times in place of those before."""
