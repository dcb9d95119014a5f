"""What a running supervisor says of itself beside its session."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import SecretStr

from e2e.processes import until
from wa_supervisor import State, facts
from wa_supervisor.control import Order, ask
from wa_supervisor.control_server import listening
from wa_supervisor.hints import Action
from wa_supervisor.standing import look_at
from wa_supervisor.store import SessionFiles
from wa_supervisor.testing.fake_session import FakeSession
from wa_supervisor.versions import versions

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD = "2@" + "x" * 200


async def test_a_status_says_since_when_and_who_must_act() -> None:
    async with FakeSession(connects=False) as session:
        await session.settle()
        began = session.status
        assert began.supervisor == "running"
        assert began.process is not None
        assert began.process.pid == os.getpid()
        assert began.uptime is not None
        assert began.budgets["dials"].spent == 1
        assert began.who == "nobody"
        await session.advance(5)
        session.played.say(facts.QrOffered, payload=SecretStr(PAYLOAD), lifetime=60.0)
        await session.settle()
        pairing = session.status
        assert (pairing.state, pairing.who) == (State.PAIRING, "phone")
        assert [each.action for each in pairing.hints] == [Action.SCAN]
        assert pairing.since == pairing.ts
        assert pairing.pairing is not None
        assert pairing.pairing.kind == "qr"
        assert pairing.pairing.until is not None
        assert pairing.pairing.window_until is not None
        assert pairing.device.paired is False
        assert PAYLOAD not in pairing.model_dump_json()
        await session.advance(7)
        session.played.say(facts.PairSucceeded)
        session.played.say(facts.Connected)
        await session.settle()
        up = session.status
        assert (up.substate, up.pairing, up.who) == ("online", None, "nobody")
        assert up.is_ready
        assert up.since == up.substate_since == up.device.paired_at
        assert up.device.session_ends_without_phone == up.ts + timedelta(days=14)
        assert up.device.session_ends_unused is None
        assert up.uptime == began.uptime + timedelta(seconds=12)
        await session.advance(3)
        session.played.say(facts.Disconnected)
        await session.settle()
        lost = session.status
        assert (lost.substate, lost.since) == ("reconnecting", up.since)
        assert lost.substate_since == lost.ts
        assert not lost.is_ready


async def test_the_same_status_comes_over_the_socket(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    async with FakeSession() as session:
        await session.settle()
        async with listening(files, {}, lambda: session.status):
            found = await asyncio.to_thread(ask, files, Order.STATUS)
    assert found.supervisor == "running"
    assert found.process is not None
    assert found.hints == session.status.hints
    assert found.budgets == session.status.budgets
    assert found.device.paired is True


async def test_the_versions_are_known_soon_after_the_start() -> None:
    async with FakeSession() as session:
        await until(lambda: bool(session.status.versions))
        found = session.status.versions
    assert found == versions()
    assert found["neonize"][0].isdigit()
    assert found["whatsmeow"].startswith("v0.0.0-2")


def test_the_memory_of_a_process_is_known_while_it_lives() -> None:
    ours = look_at(os.getpid(), None)
    assert ours is not None
    assert (ours.memory or 0) > 1 << 20
    assert look_at(None, None) is None
    gone = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(gone, 0)
    after = look_at(gone, None)
    assert after is not None
    assert after.memory is None
