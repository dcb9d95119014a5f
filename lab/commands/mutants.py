"""`python -m lab mutants`: break the sources in one place at a time; some test must notice."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ..mutants.mutation import Suite, judge
from ..mutants.power_cut import POWER_CUT

SUITES: Final[dict[str, Suite]] = {"power-cut": POWER_CUT}


def mutants(
    suite: Annotated[str, typer.Argument(help=f"One of: {', '.join(SUITES)}.")],
    words: Annotated[
        list[str] | None, typer.Argument(help="Only those with one of these in their names.")
    ] = None,
) -> None:
    """Try the nets: minutes. Exit 1 if a mutant survives, 2 if the tests fail by themselves."""
    chosen = SUITES[suite]
    if caught := judge(None, chosen.tests).caught_by:
        typer.echo(f"the tests fail by themselves, so no verdict would mean anything: {caught}")
        raise typer.Exit(2)
    survivors = 0
    selected = [m for m in chosen.mutants if not words or any(word in m.name for word in words)]
    for mutant in selected:
        verdict = judge(mutant, chosen.tests)
        survivors += verdict.caught_by is None
        result = verdict.caught_by or "SURVIVED"
        typer.echo(f"{mutant.name:60} {verdict.seconds:5.1f} s  {result}")
    typer.echo(f"{len(selected) - survivors} of {len(selected)} mutants were caught")
    if survivors:
        raise typer.Exit(1)
