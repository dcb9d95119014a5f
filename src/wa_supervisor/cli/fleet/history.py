"""`wa-supervisor fleet history`: what a session of a fleet went through, read from any machine."""

from __future__ import annotations

from typing import Annotated

import typer

from ...fleet import orders
from ...fleet.records import FleetReading
from ..history import FollowOption, JsonStepsOption, LimitOption, SinceOption, Wanted, show
from ..session_options import SessionOptions
from .access import ConfigOption, DatabaseOption, fleet_of


def history(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session's name.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    since: SinceOption = None,
    limit: LimitOption = 20,
    follow: FollowOption = False,
    json: JsonStepsOption = False,
) -> None:
    """Show the steps a session took, oldest first, whichever workers had it."""
    wanted = Wanted.of(since, limit, follow=follow, json=json)
    with fleet_of(config, database) as found:
        orders.check_known(found, session)
        show(FleetReading(found, session), session, SessionOptions(session), wanted)
