"""`wa-supervisor fleet status` and `list`: how a fleet stands."""

from __future__ import annotations

import sys
import time
from json import dumps
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ...errors import ConfigError, StoreError
from ...fleet.report import FleetReport, report
from ..exits import INTERRUPTED, Exit
from ..session_options import JsonOption
from .access import ConfigOption, DatabaseOption, fleet_of
from .view import listing, overview

if TYPE_CHECKING:
    from ...fleet.database import FleetDatabase

_EVERY: Final = 2.0  # seconds between two looks of --watch


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 2 seconds.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """Say how the workers and the sessions stand, and what waits for whom.

    Exits with 0 if a worker that lives has every session, else with 1.
    """
    with fleet_of(config, database) as fleet:
        if watch:
            _watch(fleet, json=json)
        found = report(fleet)
    if json:
        print(found.model_dump_json())
    else:
        for line, fg in overview(found):
            typer.secho(line, fg=fg)
    raise typer.Exit(_code(found))


def list_sessions(
    config: ConfigOption = None, database: DatabaseOption = None, json: JsonOption = False
) -> None:
    """List the sessions in a line each, those that need a person first."""
    with fleet_of(config, database) as fleet:
        found = report(fleet)
    if json:
        print(dumps({"sessions": [each.model_dump(mode="json") for each in found.sessions]}))
    elif not found.sessions:
        print("The fleet has no sessions; `wa-supervisor fleet add NAME` adds one.")
    else:
        for line, fg in listing(found):
            typer.secho(line, fg=fg)


def _code(found: FleetReport) -> Exit:
    return Exit.OK if all(each.has_owner for each in found.sessions) else Exit.FAILED


def _watch(fleet: FleetDatabase, *, json: bool) -> None:
    """Show it until Ctrl-C: on a terminal in place, else an object a look."""
    if not json and not sys.stdout.isatty():
        raise ConfigError(
            "--watch draws on a terminal, and this is none",
            hint="wa-supervisor fleet status --json",
        )
    try:
        if json:
            while True:
                print(report(fleet).model_dump_json(), flush=True)
                time.sleep(_EVERY)
        _watch_on_terminal(fleet)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _watch_on_terminal(fleet: FleetDatabase) -> None:
    """Draw it again and again; a Postgres that is away is said, and waited for."""
    from rich.live import Live  # noqa: PLC0415 - only this draws
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False) as display:
        while True:
            drawn = Text(no_wrap=True, overflow="ellipsis")
            try:
                for line, fg in overview(report(fleet)):
                    drawn.append(f"{line}\n", style=fg or "")
            except StoreError as error:
                drawn.append(f"{error}\n", style="bold red")
            drawn.append("Ctrl-C ends this; the fleet goes on.", style="dim")
            display.update(drawn, refresh=True)
            time.sleep(_EVERY)
