"""`wa-supervisor diagram`: the chart as a picture, a table or a model to check."""

from __future__ import annotations

from typing import Annotated

import typer

from ..diagrams import Format, View, render


def diagram(
    wanted: Annotated[
        Format, typer.Option("--format", "-f", help="What to write.")
    ] = Format.MERMAID,
    state: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this state and what it leads to or comes from."),
    ] = None,
    view: Annotated[View, typer.Option(help="What a picture shows.")] = View.OVERVIEW,
) -> None:
    """Print the lifecycle, drawn from the chart the supervisor runs."""
    typer.echo(render(wanted, view=view, state=state), nl=False)
