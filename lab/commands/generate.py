"""`python -m lab generate`: write every generated file of the repository afresh."""

from __future__ import annotations

from pathlib import Path

import typer

from ..generated import charts, manual


def generate() -> None:
    """Write the diagrams and the tables of docs/ into the current directory, the repository's."""
    root = Path.cwd()
    for path in [*charts.write(root), *manual.write(root)]:
        typer.echo(str(path.relative_to(root)))
