"""A permit before each dial: what is not allowed waits, and keeps nobody else from dialling."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from wa_supervisor import Reason, Sessions, Settings, State
from wa_supervisor.multi import permits
from wa_supervisor.multi.dials import Pace
from wa_supervisor.testing import MemoryStore, PlayedLink

QUICKLY = Pace(at_once=2, apart=0.001)


def played(post: Any, **given: Any) -> PlayedLink:
    link = PlayedLink()
    link.connects = True
    return link.make(post, **given)


class Gatekeeper:
    """Refuses some sessions, and answers others never."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.hangs: set[str] = set()
        self.asked: Counter[str] = Counter()

    async def permit(self, name: str) -> None:
        self.asked[name] += 1
        if name in self.hangs:
            await asyncio.Event().wait()
        if name in self.refuses:
            raise ValueError("no lease")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permits, "BOUND", 0.3)
    monkeypatch.setattr(permits, "ASK_AGAIN", 0.05)


async def test_one_that_may_not_dial_is_asked_for_again_and_keeps_nobody_waiting(
    tmp_path: Path,
) -> None:
    keeper = Gatekeeper()
    keeper.refuses, keeper.hangs = {"no", "never"}, {"hangs", "too"}
    async with Sessions(pace=QUICKLY, permit=keeper.permit, link=played) as sessions:
        for name in ("no", "hangs", "too", "never", "a", "b", "c"):
            settings = Settings(session=name, data_dir=tmp_path)
            await sessions.add(settings, store=MemoryStore(paired=True), sinks=())
        for name in "abc":
            await sessions[name].wait_for(State.CONNECTED, timeout=5)
        for name in ("no", "hangs", "too", "never"):
            assert sessions[name].status.reason is Reason.HELD
        before = keeper.asked.copy()
        await asyncio.sleep(1.0)
        assert all(keeper.asked[name] > before[name] for name in ("no", "hangs", "too", "never"))
        assert [keeper.asked[name] for name in "abc"] == [1, 1, 1]
        # Once they may they do; one that is gone is not asked for any more.
        await sessions.remove("never")
        keeper.refuses.clear()
        keeper.hangs.clear()
        for name in ("no", "hangs", "too"):
            await sessions[name].wait_for(State.CONNECTED, timeout=5)
        asked = keeper.asked["never"]
        await asyncio.sleep(0.2)
        assert keeper.asked["never"] == asked


async def test_each_dial_needs_a_permit_of_its_own(tmp_path: Path) -> None:
    keeper = Gatekeeper()
    async with Sessions(pace=QUICKLY, permit=keeper.permit, link=played) as sessions:
        settings = Settings(session="a", data_dir=tmp_path)
        session = await sessions.add(settings, store=MemoryStore(paired=True), sinks=())
        await session.wait_for(State.CONNECTED, timeout=5)
        keeper.refuses.add("a")
        session.restart()
        await session.wait_for(State.BACKOFF, timeout=5)
        await asyncio.sleep(0.2)
        assert session.status.state is State.BACKOFF
        assert keeper.asked["a"] > 1
        keeper.refuses.clear()
        await session.wait_for(State.CONNECTED, timeout=5)
