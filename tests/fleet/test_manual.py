"""What docs/fleet.md says in numbers is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from wa_supervisor.cli.fleet.worker import MOST
from wa_supervisor.fleet import sizing
from wa_supervisor.fleet.database import CONNECTIONS
from wa_supervisor.fleet.lease import DEAD_AFTER, LASTS, MARGIN
from wa_supervisor.setting_groups import FleetSettings

PAGE = (Path(__file__).parents[2] / "docs/fleet.md").read_text("utf-8")


def test_the_times_of_the_lease_are_those_of_the_page() -> None:
    assert f"{LASTS:g} s after the last one that was acknowledged" in PAGE
    assert f"{DEAD_AFTER:g} s after, others take them" in PAGE
    assert f"The {MARGIN:g} s between" in PAGE
    assert f"`fleet.drain` ({FleetSettings().drain:g} s)" in PAGE
    assert f"at most {MOST}\n" in PAGE


def test_the_connections_are_those_that_doctor_asks_for() -> None:
    found = re.search(
        r"\*\*(\d+) for each session, (\d+) for each worker, and (\d+)\*\*: "
        r"(\d+) for (\d+) sessions on (\d+) workers",
        PAGE,
    )
    assert found is not None
    session, worker, beside, sum_, sessions, workers = map(int, found.groups())
    assert (session, worker, beside) == (sizing.A_SESSION, sizing.A_WORKER, sizing.BESIDE)
    assert sum_ == sizing.connections(sessions, workers)
    assert worker >= 2 * CONNECTIONS + 2
    assert f"Version {sizing.OLDEST} or newer" in PAGE
