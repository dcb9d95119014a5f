"""`python -m lab fleet`: what a fleet does about kills, cuts and outages."""

from __future__ import annotations

import asyncio
import difflib
import time
from typing import Annotated

import typer

from wa_supervisor.cli.exits import Exit

from ..fleet import outcome, proof, simulation
from ..fleet.namespaces import why_no_machines
from ..fleet.scenarios import SCENARIOS, Scenario


def fleet(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help="As --list names them."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name every scenario.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Play all, which takes minutes.")] = False,
    sessions: Annotated[int, typer.Option(min=1, help="How many.")] = 6,
    workers: Annotated[int, typer.Option(min=2, max=200, help="On how many machines.")] = 3,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The table of the documentation.")
    ] = False,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="10 000 sessions over 50 workers in virtual time instead."),
    ] = False,
    seed: Annotated[int, typer.Option(help="With --simulate: decides what goes wrong.")] = 0,
) -> None:
    """Break a fleet of real clients over network namespaces; the server judges."""
    if list_:
        for each in SCENARIOS:
            typer.echo(f"{each.name:18} {each.title}")
        return
    if simulate:
        _simulate(seed)
        return
    if all_ == bool(scenarios):
        raise typer.BadParameter("name scenarios, or take --all of them; --list names them")
    chosen = list(SCENARIOS) if all_ else [_find(name) for name in scenarios or ()]
    if (why := why_no_machines()) is not None:
        typer.echo(why, err=True)
        raise typer.Exit(Exit.FAILED)
    kept = asyncio.run(_prove(chosen, sessions, workers, as_markdown=as_markdown))
    raise typer.Exit(Exit.OK if kept else Exit.FAILED)


async def _prove(chosen: list[Scenario], sessions: int, workers: int, *, as_markdown: bool) -> bool:
    """Play and print; tell whether every promise was kept."""
    found: list[outcome.Outcome] = []
    if not as_markdown:
        typer.echo(outcome.heading())
    async for each in proof.outcomes(chosen, sessions=sessions, workers=workers):
        found.append(each)
        typer.echo(outcome.line(each), err=as_markdown)
        for problem in each.problems:
            typer.echo(f"  {problem}", err=as_markdown)
    if as_markdown:
        for line in outcome.markdown(found):
            typer.echo(line)
    return len(found) == len(chosen) and not any(each.problems for each in found)


def _simulate(seed: int) -> None:
    conditions = simulation.Conditions()
    began = time.perf_counter()
    try:
        story = simulation.play(conditions, seed)
    except simulation.Broken as error:
        typer.echo(f"seed {seed}: {error}")
        raise typer.Exit(Exit.FAILED) from None
    took = time.perf_counter() - began
    workers = f"{conditions.sessions} sessions over {conditions.workers} workers"
    typer.echo(f"{workers}, seed {seed}; played in {took:.1f} s")
    faults = f"{len(story.went_wrong)} faults in {conditions.trouble:g} s"
    dead = f"{story.taken_for_dead} times a worker was taken for dead"
    typer.echo(f"{faults}: {dead}, no session had two owners, {len(story.dials)} paced dials")
    down = f"Postgres down for {simulation.STORM:g} s: {story.fell} sessions ended"
    pace = f"at {1 / conditions.apart:g} dials a second"
    typer.echo(f"{down}, all were back {story.up_after:.0f} s after it, {pace}")
    typer.echo(f"sessions of a worker in the end: {story.loads[0]} to {story.loads[-1]}")


def _find(name: str) -> Scenario:
    for each in SCENARIOS:
        if each.name == name:
            return each
    near = difflib.get_close_matches(name, [each.name for each in SCENARIOS], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "--list names them"
    raise typer.BadParameter(f"no scenario is named {name!r}: {hint}", param_hint="SCENARIO")
