"""`uv run python -m lab`: break it, replay it, measure it, draw it."""

from __future__ import annotations

import typer

from .commands.clients import clients
from .commands.crowd import crowd
from .commands.faults import faults
from .commands.fleet import fleet
from .commands.generate import generate
from .commands.mutants import mutants
from .commands.power_cut import power_cut
from .commands.simulate import simulate

app = typer.Typer(
    name="lab",
    help="What proves wa-supervisor. Figures: `python -m lab.bench`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(faults)
app.command()(simulate)
app.command()(crowd)
app.command()(clients)
app.command()(fleet)
app.command()(generate)
app.command()(power_cut)
app.command()(mutants)

if __name__ == "__main__":
    app()
