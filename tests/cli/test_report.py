"""What `run` tells a service manager of many sessions: soon, and once for all that happened."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.processes import until
from wa_supervisor.cli import service


class Told:
    """A service manager that remembers what it was told."""

    watchdog = None

    def __init__(self) -> None:
        self.said: list[dict[str, str]] = []

    def send(self, **said: str) -> None:
        self.said.append(said)


async def test_what_many_sessions_do_at_once_is_summed_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "SOON", 0.02)
    manager: Any = Told()
    asked = 0

    def summary() -> str:
        nonlocal asked
        asked += 1
        return "3 of 1000 sessions connected"

    async with service.reports(summary, manager) as report:
        for _ in range(1000):
            report.news_soon()
        await until(lambda: bool(manager.said), 5)
        assert asked == 1
        assert manager.said == [{"READY": "1", "STATUS": "3 of 1000 sessions connected"}]
        report.news_soon()
    assert manager.said[1:] == [{"STOPPING": "1"}], "what is due at the end is not lost"
