"""`python -m lab power-cut`: what a power cut takes of the client's database, in each mode."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console
from rich.table import Table

from ..power_cut.client_database import MODES, measure

_COLUMNS = (
    *("mode", "s to pair", "syncs", "commits", "disks a cut could leave", "damaged"),
    *("commits lost at worst", "commits until the pairing is safe"),
)


def power_cut() -> None:
    """Pair the real client, record it, and play every power cut on its database.

    What a cut leaves of our own files is tests/store/test_power_cut.py.
    """
    table = Table(*_COLUMNS)
    for mode in MODES:
        found = asyncio.run(measure(mode))
        table.add_row(
            found.mode,
            f"{found.seconds:.1f}",
            *map(str, (found.syncs, found.commits, found.disks, found.damaged)),
            *map(str, (found.most_lost, found.pairing_lost_for)),
        )
    Console(width=160).print(table)
    typer.echo("The time is of one pairing on the disk of the temporary directory.")
