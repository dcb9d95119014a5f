"""`lab clients`: what happens to clients that are not ours, beside ours."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ..clients import report
from ..clients.faults import FAULTS
from ..clients.program import BESIDE, CLIENTS


def clients(
    names: Annotated[list[str] | None, typer.Argument(help="Which clients; all if none.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults.")] = None,
    jobs: Annotated[int, typer.Option(help="How many at a time.")] = 2,
    write: Annotated[bool, typer.Option(help="Write the tables into docs/clients.md.")] = False,
) -> None:
    """Play faults against Baileys, zapo-js, pyaileys, pywhats, bare neonize and wa-supervisor."""
    known = [*CLIENTS, *BESIDE]
    unknown = {*(names or ())} - {each.name for each in known}
    unknown |= {*(fault or ())} - {each.name for each in FAULTS}
    if unknown:
        every = ", ".join([*(each.name for each in known), *(each.name for each in FAULTS)])
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; known: {every}")
    chosen, missing = report.available([e for e in known if not names or e.name in names])
    for each in missing:
        typer.echo(f"not played: {each}", err=True)
    if not fault:
        steps = asyncio.run(report.steps_table(chosen))
        typer.echo(steps)
    table = asyncio.run(
        report.faults_table(
            chosen, names=fault or [], jobs=jobs, heard=lambda line: typer.echo(line, err=True)
        )
    )
    typer.echo(table)
    if write and not (names or fault or missing):
        report.write("steps", steps)
        report.write("faults", table)
