"""What came of a scenario, by what the server saw; and the table of several."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

TAKEOVER: Final = 12.0
"""Seconds within which a session is back, from its last sign on a worker that is gone."""


class Outcome(BaseModel):
    """One scenario; times are in seconds."""

    scenario: str
    sessions: int
    hit: int
    """Sessions whose connection ended."""
    moved: int
    """Those of them that are on another worker now."""
    gaps: list[float]
    """From the last sign of each on its old connection to its new login."""
    since_fault: list[float]
    """From what was done until the new login of each."""
    since_mend: list[float]
    """The same from when it was undone; of those that had to wait for that."""
    overlap: float
    """While two sockets of one device were there: 0, or the fleet is broken."""
    new_pairings: int
    """Clients that came without keys: 0, or keys were lost."""
    logins: int
    """Of one session, at most."""
    busiest: int
    """Logins within one second, at most."""
    said: int
    lost: int
    """Messages that no bot got."""
    twice: int
    """Messages that a bot got again as if they were new."""
    refused: int
    """Writes of owners of before that Postgres refused."""
    problems: list[str] = field(default_factory=list)
    """Which promise was broken, and how."""


@dataclass(frozen=True)
class Column:
    """One of the table."""

    title: str
    width: int

    def cell(self, text: str) -> str:
        """Pad a text to its width."""
        return text.ljust(self.width)


_COLUMNS: Final = (
    Column("scenario", 18),
    Column("hit", 5),
    Column("moved", 6),
    Column("gap: median, worst", 19),
    Column("after the fault", 16),
    Column("after its end", 14),
    Column("overlap", 8),
    Column("purges", 7),
    Column("logins", 7),
    Column("in 1 s", 7),
    Column("messages", 9),
    Column("lost", 5),
    Column("twice", 6),
    Column("refused", 7),
)


def heading() -> str:
    """Name the columns."""
    return "".join(each.cell(each.title) for each in _COLUMNS).rstrip()


def line(outcome: Outcome) -> str:
    """Write one in a line."""
    cells = zip(_COLUMNS, _cells(outcome), strict=True)
    return "".join(column.cell(text) for column, text in cells).rstrip()


def markdown(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Write the table of the documentation."""
    yield "| " + " | ".join(each.title for each in _COLUMNS) + " |"
    yield "|---" * len(_COLUMNS) + "|"
    for outcome in outcomes:
        yield "| " + " | ".join(_cells(outcome)) + " |"


def _cells(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.scenario,
        f"{outcome.hit}/{outcome.sessions}",
        str(outcome.moved),
        _times(outcome.gaps),
        _times(outcome.since_fault),
        _times(outcome.since_mend),
        f"{outcome.overlap:.1f} s",
        str(outcome.new_pairings),
        str(outcome.logins),
        str(outcome.busiest),
        str(outcome.said),
        str(outcome.lost),
        str(outcome.twice),
        str(outcome.refused),
    )


def _times(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    return f"{statistics.median(seconds):.1f} s, {max(seconds):.1f} s"
