"""A worker that died is remembered for a day, and longer while something depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.rows import claim, write_worker
from wa_supervisor.fleet import orders
from wa_supervisor.fleet.claims import register
from wa_supervisor.fleet.lease import Timing
from wa_supervisor.fleet.report import report
from wa_supervisor.fleet.tick import tick

if TYPE_CHECKING:
    from wa_supervisor.fleet.database import FleetDatabase


def test_the_dead_are_forgotten_a_day_later_unless_something_is_theirs(
    fleet: FleetDatabase,
) -> None:
    here = register(fleet, "leader", capacity=1, timing=Timing())
    for name in ("gone", "owner", "strander"):
        write_worker(fleet, name, age=60)
    for name in ("club", "shop"):
        orders.add(fleet, name, {})
    claim(fleet, "shop", "owner", state="Connected")
    with fleet.transaction() as connection:
        connection.execute("INSERT INTO stranded VALUES ('strander', 'club', 3)")

    def known() -> set[str]:
        tick(fleet, here, Timing())
        return {each.name for each in report(fleet).workers if each.died_at is not None}

    assert known() == {"gone", "owner", "strander"}
    with fleet.transaction() as connection:
        connection.execute("UPDATE workers SET died_at = died_at - interval '25 h'")
    assert known() == {"owner", "strander"}
    register(fleet, "owner", capacity=1, timing=Timing())
    assert known() == {"strander"}
