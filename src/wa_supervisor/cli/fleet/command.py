"""`wa-supervisor fleet`: the workers and sessions of a fleet, and what is ordered of them."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import Annotated

import typer

from ...errors import ConfigError
from ...fleet import orders
from ...settings import load_sessions
from ..commands import TYPER
from ..parameters import WordedCommand
from ..session_options import JsonOption
from .access import ConfigOption, DatabaseOption, fleet_of, load, opened, url_of
from .history import history
from .status import list_sessions, status
from .worker import worker

fleet = typer.Typer(
    help="Keep sessions alive over many machines, with their keys in Postgres.",
    no_args_is_help=True,
    **TYPER,
)
fleet.command("worker", cls=WordedCommand)(worker)
fleet.command("status", cls=WordedCommand)(status)
fleet.command("list", cls=WordedCommand)(list_sessions)
fleet.command("history", cls=WordedCommand)(history)

_SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="The session's name.")]
_WorkerArgument = Annotated[str, typer.Argument(metavar="WORKER", help="The worker's name.")]


@fleet.command(cls=WordedCommand)
def add(
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Their names.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every session that the settings have a table for.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Give those that are there already these settings."),
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """Add sessions with what the settings file says of them.

    What a worker decides is left out: data_dir, database, [web] and most of [fleet]; and so is the
    environment, which is this machine's. Settings that are replaced hold from the next start on.
    """
    if bool(sessions) == all_:
        raise ConfigError("name the sessions to add, or all that the settings have by --all")
    url = url_of(load(config, database))
    found = load_sessions(config, {}, sessions)
    if not found:
        raise ConfigError(
            "--all takes the sessions that the settings file has tables for, and it has none",
            hint="write [sessions.NAME] for each, or name them",
        )
    with opened(url, install=True) as fleet_database:
        for name, loaded in found.items():
            given = orders.sessions_own(loaded.sources.from_file)
            orders.add(fleet_database, name, given, replace=replace)
            if not json:
                print(f"{name}: added; a worker that has room takes it.")
    if json:
        print(dumps({"added": list(found)}))


@fleet.command(cls=WordedCommand)
def remove(
    session: _SessionArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """Have a session ended where it runs. Its keys stay: `fleet add` brings it back with them."""
    with fleet_of(config, database) as found:
        orders.remove(found, session)
    if json:
        print(dumps({"removed": session}))
    else:
        print(f"{session}: it is ended where it runs. Its keys stay in the database.")


@fleet.command(cls=WordedCommand)
def move(
    session: _SessionArgument,
    worker: Annotated[
        str | None,
        typer.Argument(metavar="WORKER", help="Where to (default: the other least full one)."),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """Have a session go to another worker. One that is pairing or banned stays: exit code 1."""
    with fleet_of(config, database) as found:
        moved = orders.move(found, session, worker)
    if json:
        print(dumps(asdict(moved)))
    elif moved.from_worker == moved.to_worker:
        print(f"{session}: it is on {moved.to_worker}, and stays there.")
    else:
        print(f"{session}: it goes from {moved.from_worker or 'nowhere'} to {moved.to_worker}.")


@fleet.command(cls=WordedCommand)
def drain(
    worker: _WorkerArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Have it take sessions again.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: JsonOption = False,
) -> None:
    """Have a worker hand its sessions over and take no others; one that is pairing stays till then.

    SIGTERM to the worker does the same, and ends it.
    """
    with fleet_of(config, database) as found:
        load_now = orders.drain(found, worker, undo=undo)
    if json:
        print(dumps({"worker": worker, "draining": not undo, "sessions": load_now}))
    elif undo:
        print(f"{worker}: it takes sessions again.")
    else:
        print(f"{worker}: it hands its sessions over, {load_now} by now, and takes no others.")
