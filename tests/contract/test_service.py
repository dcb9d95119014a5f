"""What the service manager is told, step by step."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli.service import reporting
from wa_supervisor.lifecycle import Phase, Reason, Session, facts
from wa_supervisor.sdnotify import Notifier
from wa_supervisor.status import Status
from wa_supervisor.testing.fake_session import FakeSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from contract.conftest import Manager
    from wa_supervisor.lifecycle.facts import Fact


class Walk:
    """A supervisor whose session process says what the test says."""

    def __init__(self) -> None:
        self.supervisor = FakeSession(connects=False)

    async def take(self, fact: Fact) -> None:
        if isinstance(fact, facts.Start):
            await self.supervisor.__aenter__()
            await self.supervisor.settle()
        else:
            await self.supervisor.happen(fact)


@pytest.fixture
async def walk() -> AsyncIterator[Walk]:
    walk = Walk()
    yield walk
    if walk.supervisor.played.specs:
        await walk.supervisor.__aexit__(None, None, None)


async def test_it_is_ready_with_the_first_step_and_stopping_with_the_last(
    manager: Manager, walk: Walk
) -> None:
    async with reporting(walk.supervisor, Notifier(manager.address)):
        assert manager.all_heard() == []
        await walk.take(facts.Start())
        assert manager.all_heard() == ["READY=1\nSTATUS=Init"]
        await walk.take(facts.Connected(1))
        assert manager.all_heard() == ["READY=1\nSTATUS=Connected (online)"]
        await walk.take(facts.Stop())
        stopped = "READY=1\nSTATUS=Stopped: stopped: An operator stopped the supervisor."
        assert manager.all_heard() == [stopped, "STOPPING=1"]
    assert manager.all_heard() == []


async def test_what_changes_nothing_is_not_repeated(manager: Manager, walk: Walk) -> None:
    async with reporting(walk.supervisor, Notifier(manager.address)):
        await walk.take(facts.Start())
        manager.all_heard()
        await walk.take(facts.KeepAliveRestored(1))
        assert manager.all_heard() == []


async def test_a_start_that_fails_was_never_ready_nor_stopping(
    manager: Manager, walk: Walk
) -> None:
    with pytest.raises(RuntimeError):
        async with reporting(walk.supervisor, Notifier(manager.address)):
            raise RuntimeError
    assert manager.all_heard() == []


async def test_a_run_that_breaks_off_is_stopping(manager: Manager, walk: Walk) -> None:
    async def run() -> None:
        async with reporting(walk.supervisor, Notifier(manager.address)):
            await walk.take(facts.Start())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await run()
    assert manager.all_heard()[-1] == "STOPPING=1"


async def test_without_a_service_manager_nobody_listens_to_steps(walk: Walk) -> None:
    before = list(walk.supervisor._audience._of_steps._each)
    async with reporting(walk.supervisor, None):
        assert walk.supervisor._audience._of_steps._each == before


async def test_the_watchdog_is_fed_twice_in_each_period(manager: Manager, walk: Walk) -> None:
    async with reporting(walk.supervisor, Notifier(manager.address, watchdog=0.2)):
        await asyncio.sleep(0.55)
        signs = manager.all_heard()
        await walk.take(facts.Start())
        manager.all_heard()
        await asyncio.sleep(0.3)
        assert "READY=1\nSTATUS=Init\nWATCHDOG=1" in manager.all_heard()
    assert set(signs) == {"WATCHDOG=1"}
    assert 3 <= len(signs) <= 6
    manager.all_heard()
    await asyncio.sleep(0.3)
    assert manager.all_heard() == []


async def test_a_loop_that_hangs_feeds_no_watchdog(manager: Manager, walk: Walk) -> None:
    async with reporting(walk.supervisor, Notifier(manager.address, watchdog=0.1)):
        await asyncio.sleep(0.2)
        assert manager.all_heard()
        time.sleep(0.5)  # noqa: ASYNC251 - it hangs
        assert manager.all_heard() == []


async def test_a_manager_that_does_not_listen_holds_nothing_up(
    manager: Manager, walk: Walk, caplog: pytest.LogCaptureFixture
) -> None:
    async with reporting(walk.supervisor, Notifier(manager.address)):
        await walk.take(facts.Start())
        begun = time.monotonic()
        for _ in range(100):
            await walk.take(facts.Connected(1))
            await walk.take(facts.Disconnected(1))
        assert time.monotonic() - begun < 2
    heard = manager.all_heard()
    assert 0 < len(heard) < 100
    assert "could not be told READY, STATUS: Resource temporarily unavailable" in caplog.text


def test_the_summary_says_where_why_and_until_when() -> None:
    session = Session(phase=Phase.BACKOFF, reason=Reason.DIAL_FAILED, retries=3, not_before=60.0)
    status = Status.of(session, "shop", now=0.0, wall=datetime.now(UTC))
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert status.model_copy(update={"not_before": at}).summary == (
        "Backoff, retry 3, next dial 2026-01-02 03:04:05 UTC: dial_failed: "
        "WhatsApp could not be reached; the dial or handshake failed."
    )


def test_the_summary_says_that_the_journal_cannot_be_written() -> None:
    trouble = "cannot write journal.db: disk full"
    status = Status.of(Session(), "shop", now=0.0, wall=datetime.now(UTC), journal=trouble)
    assert status.summary == ("Init (steps cannot be recorded: cannot write journal.db: disk full)")
