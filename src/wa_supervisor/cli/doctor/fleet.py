"""Whether a worker could run here: the fleet's database answers, and is large enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import ConfigError
from ...hints import Action, Hint
from .finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from ...fleet.database import FleetDatabase

SECONDS: Final = 15.0
"""For a server that is away or busy: to connect, and for each of the few statements."""

_NAME: Final = "fleet"
_MAJOR: Final = 10_000  # of `server_version_num`


def database(url: SecretStr) -> Iterator[Finding]:
    """Connect to the fleet's database and look, but change nothing.

    Raises ConfigError if the extra is missing, Unreachable if Postgres does not answer, StoreError
    if it refuses.
    """
    try:
        from ...fleet.database import FleetDatabase  # noqa: PLC0415 - only where there is a fleet
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"a fleet is set, and {missing.name} is not installed",
            hint=Hint(Action.INSTALL, "wa-supervisor[fleet]"),
        ) from missing
    found = FleetDatabase(url, name="wa-supervisor doctor")
    found.check()
    with found:
        yield from _server(found)


def _server(found: FleetDatabase) -> Iterator[Finding]:
    from ...fleet.errors import NoFleet  # noqa: PLC0415 - as above
    from ...fleet.report import report  # noqa: PLC0415
    from ...fleet.sizing import OLDEST, connections  # noqa: PLC0415

    with found.transaction() as connection:
        row = connection.execute(
            "SELECT current_setting('server_version_num')::int AS version,"
            " current_setting('max_connections')::int AS connections"
        ).fetchone()
    assert row is not None
    major, most = row["version"] // _MAJOR, row["connections"]
    if major < OLDEST:
        said = f"Postgres {major} is too old: the engine needs {OLDEST} or newer"
        yield Finding(_NAME, Verdict.BAD, said)
        return
    try:
        fleet = report(found)
    except NoFleet:
        said = f"Postgres {major} answers; the first worker makes the fleet's tables in it"
        yield Finding(_NAME, Verdict.OK, said)
        return
    living = [each for each in fleet.workers if each.state != "dead"]
    there = f"sessions: {len(fleet.sessions)}, workers that live: {len(living)}"
    need = connections(len(fleet.sessions), max(1, len(living)))
    if need > most:
        said = f"{there}: they need {need} connections, and Postgres {major} allows {most}"
        fix = Hint(note=f"set its max_connections to {need} or more, and start it anew")
        yield Finding(_NAME, Verdict.WARNING, said, fix)
    else:
        said = f"Postgres {major} answers; {there}; {need} of its {most} connections are for them"
        yield Finding(_NAME, Verdict.OK, said)
    for hold in fleet.holds:
        yield Finding(
            _NAME, Verdict.WARNING, f"sessions wait: {hold}", Hint(first="start a worker")
        )
