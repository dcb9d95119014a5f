"""`python -m lab mutants`: break the sources in one place at a time; some test must notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..mutants.mutation import Misfit, Mutant, workshop
from ..mutants.rooms import ROOMS, Room

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..mutants.mutation import Workshop


def mutants(
    rooms: Annotated[
        list[str] | None, typer.Argument(help=f"Some of: {', '.join(ROOMS)}. All by default.")
    ] = None,
    *,
    only: Annotated[str, typer.Option(help="Only those with this in their names.")] = "",
    general: Annotated[
        int, typer.Option(help="How many that nobody chose are drawn for each room.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Of the drawing.")] = 1,
) -> None:
    """Try the nets: minutes a room. Exit 1 if a mutant survives, 2 if no verdict means anything."""
    scores = []
    with workshop() as shop:
        for name in rooms or ROOMS:
            room = Room.load(name)
            for kind, tried in (("chosen", room.chosen), ("general", room.drawn(general, seed))):
                selected = [mutant for mutant in tried if only in mutant.name]
                if selected:
                    scores.append((f"{name}, {kind}", _try(shop, selected), len(selected)))
    for what, caught, count in scores:
        typer.echo(f"{what}: {caught} of {count} mutants were caught")
    if any(caught < count for _, caught, count in scores):
        raise typer.Exit(1)


def _try(shop: Workshop, selected: list[Mutant]) -> int:
    """Say how many were caught."""
    _check_tests(shop, dict.fromkeys(mutant.tests for mutant in selected))
    caught = 0
    for mutant in selected:
        try:
            verdict = shop.judge(mutant)
        except Misfit as misfit:
            typer.echo(f"{mutant.name:72} MISFIT: {misfit}")
            continue
        caught += verdict.caught_by is not None
        typer.echo(f"{mutant.name:72} {verdict.seconds:5.1f} s  {verdict.caught_by or 'SURVIVED'}")
    return caught


def _check_tests(shop: Workshop, known: Iterable[tuple[str, ...]]) -> None:
    for tests in known:
        failing = shop.run(tests).caught_by
        if failing:
            typer.echo(f"{' '.join(tests)} fails by itself: {failing}")
            raise typer.Exit(2)
