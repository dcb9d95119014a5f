"""Which fleet a command is about, and how its database is reached."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from ...errors import ConfigError
from ...fleet.database import FleetDatabase
from ...hints import Action, Hint
from ...settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...settings import Loaded

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The fleet's Postgres database, if the settings do not name it; - reads the URL.",
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A TOML file with settings.")
]


def load(config: Path | None, database: str | None, **given: Any) -> Loaded:  # noqa: ANN401
    """Read the settings, with the URL from standard input if that is said. Raises ConfigError."""
    url = sys.stdin.readline().strip() if database == "-" else database
    return load_settings(config, {**given, "fleet": {**given.get("fleet", {}), "database": url}})


def url_of(loaded: Loaded) -> SecretStr:
    """Say where the fleet's database is. Raises ConfigError if no setting does."""
    url = loaded.settings.fleet.database
    if url is None:
        raise ConfigError(
            "no fleet is set",
            hint=Hint(
                Action.SET,
                "fleet.database",
                note="or WA_SUPERVISOR_FLEET__DATABASE, or --database URL",
            ),
        )
    return url


@contextlib.contextmanager
def opened(url: SecretStr, *, install: bool = False) -> Iterator[FleetDatabase]:
    """Give the fleet's database; `install` makes its tables if they are not there.

    Raises Unreachable if Postgres does not answer, StoreError if it refuses.
    """
    database = FleetDatabase(url, name="wa-supervisor fleet, an operator")
    database.check()
    with database:
        if install:
            database.install()
        yield database


@contextlib.contextmanager
def fleet_of(config: Path | None, database: str | None) -> Iterator[FleetDatabase]:
    """Give the database of the fleet that the options or the settings name."""
    with opened(url_of(load(config, database))) as found:
        yield found
