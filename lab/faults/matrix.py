"""Many runs of many faults, as a table that says what happened."""

from __future__ import annotations

import os
import platform
import statistics
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

from wa_supervisor.lifecycle import Policy
from wa_supervisor.session.shared.watch import Watch

from .fault import Fault
from .play import Verdict
from .programs import POLICY
from .rig import Against

WIDTH = 80

_NAME, _PROMISE = 32, 22
_BULLET = "        "


@dataclass(frozen=True)
class Row:
    """All runs of one fault against one program."""

    fault: Fault
    against: Against
    verdicts: tuple[Verdict, ...]

    @property
    def impossible(self) -> str | None:
        """Why this machine could not play it."""
        return self.verdicts[0].impossible

    @property
    def kept(self) -> bool:
        """Whether every run kept the promise."""
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def seconds(self) -> float | None:
        """The median time; None if not every run came to what was promised."""
        times = [verdict.seconds for verdict in self.verdicts]
        known = [each for each in times if each is not None]
        return statistics.median(known) if known and len(known) == len(times) else None

    @property
    def dials(self) -> int:
        """The most dials of any run."""
        return max(verdict.dials for verdict in self.verdicts)

    @property
    def outcome(self) -> str:
        """What happened, in a few words."""
        if self.impossible is not None:
            return f"not played on this machine: {self.impossible}"
        kept = [verdict for verdict in self.verdicts if verdict.kept]
        if not self.kept:
            broken = next(verdict for verdict in self.verdicts if not verdict.kept)
            share = f"{len(kept)} of {len(self.verdicts)}: " if len(self.verdicts) > 1 else ""
            return f"{share}{broken.complaints[0]}"
        if self.seconds is None or self.seconds == 0:
            return "as promised"
        times = [verdict.seconds for verdict in kept if verdict.seconds is not None]
        spread = f" ({min(times):.1f}-{max(times):.1f})" if len(times) > 1 else ""
        return f"{self.seconds:.1f} s{spread}"

    @property
    def count(self) -> str:
        """How often it was played, if more than once."""
        several = len(self.verdicts) > 1 and self.impossible is None
        return f", n={len(self.verdicts)}" if several else ""


def versions() -> str:
    """Say on what this was run."""
    names = ("wa-supervisor", "neonize", "python-statemachine")
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {packages}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}"
    )


def heading(against: Sequence[Against]) -> Iterator[str]:
    """Head the table."""
    yield versions()
    if "bare" in against:
        yield "bare: a neonize script that is started again whenever it ends"
    yield f"{'fault':{_NAME}} {'promise':{_PROMISE}} what happened"
    yield "-" * WIDTH


def lines(row: Row, *, several: bool) -> Iterator[str]:
    """Say how one fault went; `several` programs are told apart."""
    mark = "--" if row.impossible else "ok" if row.kept else "NO"
    who = f"{'supervisor' if row.against == 'supervisor' else 'bare'}: " if several else ""
    dialled = f", {row.dials} dial{'s' * (row.dials != 1)}" if row.dials else ""
    name = row.fault.name if row.against == "supervisor" or not several else ""
    promise = str(row.fault.promise) if name else ""
    text = f"{who}{mark} {row.outcome}{dialled}{row.count}"
    head = f"{name:{_NAME}} {promise:{_PROMISE}} "
    if len(head) + len(text) <= WIDTH:
        yield head + text
    else:
        if name:
            yield head.rstrip()
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=_BULLET, subsequent_indent=_BULLET + "  "
        )


def details(row: Row) -> Iterator[str]:
    """Say all that was wrong in the runs that broke the promise."""
    for verdict in row.verdicts:
        if not verdict.kept:
            yield f"{_BULLET}seed {verdict.seed}:"
            for text in (*verdict.complaints, *verdict.story):
                yield f"{_BULLET}  {text}"


def summary(table: Sequence[Row]) -> Iterator[str]:
    """Count."""
    for who in ("supervisor", "bare"):
        rows = [row for row in table if row.against == who]
        own = [row for row in rows if row.impossible is None]
        left = f"; {len(rows) - len(own)} not played on this machine" if rows != own else ""
        if own:
            kept = sum(row.kept for row in own)
            runs = sum(len(row.verdicts) for row in own)
            yield f"{who}: {kept} of {len(own)} kinds as promised, in {runs} runs{left}"


def catalogue(faults: Iterable[Fault]) -> Iterator[str]:
    """Name every fault with what happens and what is promised."""
    for fault in faults:
        yield f"{fault.name:{_NAME + 2}} {fault.promise}"
        yield from textwrap.wrap(
            fault.what, WIDTH, initial_indent=_BULLET, subsequent_indent=_BULLET
        )


def markdown(table: Sequence[Row], *, runs: int, jobs: int) -> Iterator[str]:
    """Write the page of the documentation, of a table that was played so."""
    played = f"{runs} times" if runs > 1 else "once"
    yield _PAGE.format(versions=versions(), played=played, jobs=jobs, cores=os.cpu_count())
    yield from summary(table)
    yield ""
    yield "| fault | what happens | promise | wa-supervisor | bare neonize in a restart loop |"
    yield "|---|---|---|---|---|"
    by_fault: dict[str, dict[Against, Row]] = {}
    for row in table:
        by_fault.setdefault(row.fault.name, {})[row.against] = row
    for name, pair in by_fault.items():
        fault = next(iter(pair.values())).fault
        ours, bare = (_cell(pair.get(who)) for who in ("supervisor", "bare"))
        clocks = _clocks(fault.policy)
        yield f"| `{name}` | {fault.what}{clocks} | {fault.promise} | {ours} | {bare} |"


def _cell(row: Row | None) -> str:
    if row is None:
        return "has no such part"
    dialled = f", {row.dials} dial{'s' * (row.dials != 1)}" if row.dials else ""
    return f"{'' if row.kept else '**not kept**: '}{row.outcome}{dialled}{row.count}"


def _clocks(policy: Mapping[str, float]) -> str:
    defaults = Policy().model_dump() | Watch().model_dump()
    shown = []
    for name, value in policy.items():
        if name in POLICY:
            continue
        usual = defaults
        for part in name.split("__"):
            usual = usual[part]
        shown.append(f"{name.replace('__', '.')} {value:g}, default {usual:g}")
    return f" ({'; '.join(shown)})" if shown else ""


_PAGE = """\
# Fault matrix

Every way in which a session is known to break, played on the real neonize against the loopback
server, and what came of it: with wa-supervisor, and with a bare neonize script that is started
again whenever it ends, and left alone otherwise. The times are seconds from the moment at which
recovery was possible until a login was complete, as the server saw it.

So that a run takes seconds, waits are short (retries 0.2 s to 1 s) and whatsmeow's keepalive timers
are a tenth of what they are, for both; where a clock of ours decides, its value in the run and its
default are in brackets. So a time tells that the mechanism works, not how long the default waits.
The number of dials is part of the promise. In every run the server watches, besides, that no device
is ever connected twice, that nobody logs in with purged keys, and that no dead code is shown.

    uv run python -m lab faults                     # every kind once, some minutes
    uv run python -m lab faults --against bare stream/unlinked
    uv run python -m lab faults --soak --minutes 60 --seed 7

Times are medians, with the fastest and the slowest run in brackets; n is the number of runs. Each
kind was played {played} against each program, both in one go, at most {jobs} runs at a time on
{cores} cores. A bare script that failed its first three runs was not played any further: it waits
out the whole promise every time. `slow/...` (default clocks, minutes each) is played only when it
is named.

This page is generated: `python -m lab faults --runs 10 --against both --markdown > docs/faults.md`.
{versions}.
"""
