"""What a fault kind is: what happens to a session, and what we promise after it.

A fault is plain data. What happens is a tuple of acts, each a coroutine function of the `Rig`;
`acts` has the verbs and the ways to put them together.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .rig import Rig

Act: TypeAlias = Callable[["Rig"], Awaitable[None]]


class Given(enum.Enum):
    """How things stand before the fault."""

    PAIRED = "paired"  # Connected, with the pairing just made
    FRESH = "fresh"  # a QR shows and nobody has scanned it
    NOTHING = "nothing"  # the program was not started yet


class Keys(enum.Enum):
    """What becomes of the pairing."""

    KEPT = "kept"
    PURGED = "purged"


@dataclass(frozen=True)
class Recovers:
    """The session is connected again by itself, with the keys it had."""

    within: float
    """Seconds from the moment at which it became possible."""

    keys = Keys.KEPT

    def __str__(self) -> str:
        return f"back in {self.within:g} s"


@dataclass(frozen=True)
class PairsAfresh:
    """A fresh code shows by itself; scanned, it connects."""

    within: float
    """Seconds until the code shows."""

    keys = Keys.PURGED

    def __str__(self) -> str:
        return f"fresh code in {self.within:g} s"


@dataclass(frozen=True)
class Holds:
    """It stops dialling and says why."""

    reason: str
    """The reason's code."""
    within: float = 5.0
    state: str = "GaveUp"

    keys = Keys.KEPT

    def __str__(self) -> str:
        return f"holds: {self.reason}"


@dataclass(frozen=True)
class Stays:
    """Nothing happens to the session: it stays connected, on the socket it has."""

    seconds: float = 2.0
    """For how long that is watched."""
    within: float = 10.0
    """Seconds for the client's next proof of life."""

    keys = Keys.KEPT

    def __str__(self) -> str:
        return "stays up"


Promise: TypeAlias = Recovers | PairsAfresh | Holds | Stays


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    what: str
    """A sentence for the table: what happens."""
    acts: tuple[Act, ...]
    promise: Promise
    given: Given = Given.PAIRED
    dials: int = 2
    """The most dials that may follow, the client's own included."""
    policy: Mapping[str, float] = field(default_factory=dict)
    """Numbers of `policy` and `watch` that differ from `programs.POLICY`, by their name there."""
    keepalive: float = 0.1
    """The factor on whatsmeow's keepalive timers, for both programs."""
    by_code: bool = False
    """The session is paired by a code, not by a QR."""
    bot: str | None = None
    """The bot that runs beside the client: a function of `faults.bots`."""
    records: str | None = None
    """A fact that the supervisor must have taken note of, by name."""
    supervisor_only: bool = False
    """It happens to a part which a bare script does not have."""
    disk: int | None = None
    """The session is on a disk of so many megabytes."""
    needs: Callable[[], str | None] = lambda: None
    """Says why this machine cannot play it; None if it can."""
    slow: bool = False
    """It takes minutes, and is played only when it is named."""
    soak: bool = False
    """It may be drawn in a soak, in any order with others."""

    @property
    def group(self) -> str:
        """What kind of fault it is: the first part of its name."""
        return self.name.partition("/")[0]
