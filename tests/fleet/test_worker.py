"""Workers on a real Postgres: which has a session, and when it passes to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from fleet.workers import Fleet, fleet_of, until
from wa_supervisor import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def here(postgres: SecretStr, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet_of(postgres, tmp_path) as fleet:
        yield fleet


async def test_a_worker_takes_what_is_added_and_a_second_one_what_the_first_hands_over(
    here: Fleet,
) -> None:
    here.add("a", "b", policy={"conflict_wait": 7.0})
    first = here.worker("w1")
    await until(lambda: here.owners() == {"a": "w1", "b": "w1"})
    here.add("c")
    await until(lambda: len(here.owners()) == 3, 1.0)  # it was notified
    await until(lambda: {s.state for s in first.statuses()} == {State.CONNECTED})
    assert here.played.settings["a"].policy.conflict_wait == 7.0
    assert here.played.settings["a"].policy.conflict.value == "takeover"
    here.worker("w2")
    await until(lambda: here.rows("SELECT 1 FROM workers WHERE name = 'w2'"))
    await here.stop("w1")
    await until(lambda: here.owners() == dict.fromkeys("abc", "w2"), 3)
    assert here.epochs() == dict.fromkeys("abc", 2)
    assert here.jobs() == 3
    assert [row["name"] for row in here.rows("SELECT name FROM workers")] == ["w2"]
