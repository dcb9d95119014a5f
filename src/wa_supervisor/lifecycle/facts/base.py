"""A fact, and a fact of one session process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened."""

    trigger: ClassVar[str | None] = None

    @property
    def name(self) -> str:
        """The fact's public name, as `--json` prints it."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class ChildFact(Fact):
    """Something the session process of this generation said, or that was seen of it."""

    generation: int
