"""The mutants of each room, and the tests that must notice them: the TOML files beside this one.

A file has `tests`, by which its chosen `[[mutants]]` are judged unless one names others, and under
`[general]` the files whose every line may be changed, each with the tests that are to notice.
"""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .general import mutants_of
from .mutation import Mutant

_HERE: Final = Path(__file__).parent
ROOMS: Final = tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


@dataclass(frozen=True, slots=True)
class Room:
    """What is tried of one room."""

    name: str
    chosen: tuple[Mutant, ...]
    general: tuple[Mutant, ...]

    @classmethod
    def load(cls, name: str) -> Room:
        """Read one of ROOMS."""
        told = tomllib.loads((_HERE / f"{name}.toml").read_text("utf-8"))
        tests = tuple(told["tests"])
        chosen = [
            Mutant(
                each["name"],
                each["file"],
                each["old"],
                each["new"],
                tuple(each.get("tests", tests)),
            )
            for each in told["mutants"]
        ]
        general = [
            mutant
            for file, nets in told.get("general", {}).items()
            for mutant in mutants_of(file, tuple(nets))
        ]
        return cls(name, tuple(chosen), tuple(general))

    def drawn(self, count: int, seed: int) -> tuple[Mutant, ...]:
        """Draw so many of the general ones."""
        dice = random.Random(f"{self.name} {seed}")
        return tuple(dice.sample(self.general, min(count, len(self.general))))
