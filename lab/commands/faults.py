"""`python -m lab faults`: break the real client in every known way."""

from __future__ import annotations

import asyncio
import difflib
import os
import random
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer

from wa_supervisor.cli.exits import Exit

from ..faults import FAULTS, Against, Fault, matrix, schedule, soak


class Played(StrEnum):
    """What the faults are played against."""

    SUPERVISOR = "supervisor"
    BARE = "bare"
    BOTH = "both"


_AGAINST: dict[Played, tuple[Against, ...]] = {
    Played.SUPERVISOR: ("supervisor",),
    Played.BARE: ("bare",),
    Played.BOTH: ("supervisor", "bare"),
}


def faults(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Faults or groups, as --list names them."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name every fault.")] = False,
    runs: Annotated[int, typer.Option(min=1, help="How often each is played.")] = 1,
    against: Annotated[
        Played, typer.Option(help="What they are played against.")
    ] = Played.SUPERVISOR,
    jobs: Annotated[
        int, typer.Option(min=1, help="How many are played at a time; most of it is waiting.")
    ] = 2 * (os.cpu_count() or 1),
    seed: Annotated[int | None, typer.Option(help="Decides what is random.")] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The page of the documentation.")
    ] = False,
    soak_: Annotated[
        bool, typer.Option("--soak", help="Random faults on several sessions, for a long time.")
    ] = False,
    minutes: Annotated[float, typer.Option(min=0.1, help="With --soak: for how long.")] = 10.0,
    sessions: Annotated[int, typer.Option(min=1, help="With --soak: how many.")] = 3,
) -> None:
    """Break the real neonize in every known way, on loopback, and check what is promised."""
    if list_:
        _print(matrix.catalogue(_chosen(names) if names else FAULTS.values()))
    elif soak_:
        given = random.SystemRandom().randrange(10**6) if seed is None else seed
        kept = asyncio.run(soak.soak(typer.echo, seed=given, minutes=minutes, sessions=sessions))
        raise typer.Exit(Exit.OK if kept else Exit.FAILED)
    else:
        who = _AGAINST[against]
        playing = _matrix(_chosen(names), who, runs, seed or 0, jobs, as_markdown=as_markdown)
        raise typer.Exit(Exit.OK if asyncio.run(playing) else Exit.FAILED)


async def _matrix(
    chosen: list[Fault],
    against: tuple[Against, ...],
    runs: int,
    seed: int,
    jobs: int,
    *,
    as_markdown: bool,
) -> bool:
    """Play and print; tell whether every promise of the supervisor's was kept."""
    table: list[matrix.Row] = []
    if not as_markdown:
        _print(matrix.heading(against))
    async for row in schedule.rows(chosen, against, runs=runs, seed=seed, jobs=jobs):
        table.append(row)
        if as_markdown:
            typer.echo(f"{row.against} {row.fault.name}: {row.outcome}", err=True)
            continue
        _print(matrix.lines(row, several=len(against) > 1))
        if row.against == "supervisor":
            _print(matrix.details(row))
    _print(matrix.markdown(table, runs=runs, jobs=jobs) if as_markdown else matrix.summary(table))
    # A bare script promises nothing: its failures are the comparison, not a defect.
    return all(row.kept for row in table if row.against == "supervisor" or len(against) == 1)


def _chosen(names: list[str] | None) -> list[Fault]:
    if not names:
        return [fault for fault in FAULTS.values() if not fault.slow]
    found: list[Fault] = []
    for name in names:
        matching = [each for each in FAULTS.values() if name in {each.name, each.group}]
        if not matching:
            near = difflib.get_close_matches(name, FAULTS, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "--list names them all"
            raise typer.BadParameter(f"no fault is named {name!r}: {hint}", param_hint="NAME")
        found += [each for each in matching if each not in found]
    return found


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
