"""`wa-supervisor fleet worker`: takes sessions of a fleet and keeps them alive."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ...errors import ConfigError
from ...hints import Action, Hint
from ...output import take_over
from ..session_options import DataDirOption, SessionOptions
from ..web import address_of
from ..workers import Workers
from .access import ConfigOption, DatabaseOption, load, url_of

if TYPE_CHECKING:
    from ...multi.room import Limit
    from ...setting_groups import FleetSettings

MOST: Final = 200
"""Sessions of a worker whose capacity nobody has set: a program with more is not prompt any more
(docs/many.md). A machine with room for more has it for a second worker."""


def worker(
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This worker's name (default: the host's name)."),
    ] = None,
    capacity: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=f"Sessions it takes at most (default: what fits, at most {MOST})."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each step on standard output.")
    ] = False,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:PORT]",
            help="Serve a page of its sessions and of the fleet (default: 127.0.0.1:8765).",
        ),
    ] = None,
    web_origin: Annotated[
        str | None,
        typer.Option(metavar="URL", help="What browsers call it behind a proxy: https://NAME."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what was ignored.")] = False,
) -> None:
    """Take sessions of the fleet and keep them alive.

    SIGTERM or Ctrl-C hands all of them over to other workers and ends; a second one does not wait
    for those that are being paired. The settings hold for its sessions as far as they were added
    without others.
    """
    given = {
        "data_dir": data_dir,
        "web": {"listen": web or None, "origin": web_origin},
        "fleet": {"name": name, "capacity": capacity},
    }
    loaded = load(config, database, **given)
    url = url_of(loaded)
    try:
        # Here, as they bring the engine, which may be missing, and take 0.2 s of `fleet status`.
        from ...multi.room import limits  # noqa: PLC0415
        from .serve import WorkerRun  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"this command needs {missing.name}, which is not installed",
            hint=Hint(Action.INSTALL, "wa-supervisor[fleet]"),
        ) from missing
    fleet = loaded.settings.fleet
    address = address_of(loaded.settings.web, wanted=web is not None)
    take_over()  # nothing that is printed from here on may wait for its reader
    threads = Workers()
    code = WorkerRun(
        SessionOptions(None, data_dir, config),
        loaded,
        url,
        name=fleet.name or socket.gethostname(),
        capacity=capacity_of(fleet, limits()),
        address=address,
        threads=threads,
        as_json=json,
        verbose=verbose,
    ).run()
    threads.leave(code)
    raise typer.Exit(code)


def capacity_of(fleet: FleetSettings, found: tuple[Limit, ...]) -> int:
    """Say how many sessions a worker takes: what is set, else what the machine has room for.

    Raises ConfigError if that is none.
    """
    if fleet.capacity is not None:
        return fleet.capacity
    narrowest = next(iter(found), None)
    if narrowest is None:
        return MOST
    if narrowest.more < 1:
        raise ConfigError(
            f"there is no room for any session here: {narrowest.name} is used up",
            hint=f"raise {narrowest.name}",
        )
    return min(narrowest.more, MOST)
