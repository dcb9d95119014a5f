"""The gate before a bot beside a client whose inbox is switched off."""

from __future__ import annotations

from typing import Any

import pytest

from wa_supervisor import GatePolicy, Settings, StoreError
from wa_supervisor.gate import parse_entry
from wa_supervisor.gate.changes import Changes
from wa_supervisor.gate_file import keep_changes
from wa_supervisor.testing.fake_session import FakeSession
from wa_supervisor.testing.memory_store import MemoryStore

ANN, EVE = "+4915112345678", "+15550001234"
BOT = "lab.bench.tally_bot:register"


def settings(**more: Any) -> Settings:
    return Settings(bot=BOT, inbox={"enabled": False}, **more)


async def gate_of(made: Settings, store: MemoryStore) -> GatePolicy | None:
    """What stands before the bot of a session with these settings."""
    async with FakeSession(made, store=store) as session:
        return session.played.door.gate


async def test_the_gate_of_the_settings_stands_there_and_changes_in_code() -> None:
    both = GatePolicy(allow=[ANN, EVE])
    async with FakeSession(settings(gate=both)) as session:
        assert session.played.door.gate == both
        session.update_gate(GatePolicy(allow=[ANN]))
        assert session.played.door.gate == GatePolicy(allow=[ANN])
    assert await gate_of(settings(), MemoryStore(paired=True)) is None


async def test_who_was_denied_while_there_was_an_inbox_stays_denied() -> None:
    store = MemoryStore(paired=True)
    both = GatePolicy(allow=[ANN, EVE])
    keep_changes(store.inbox, Changes().denying(parse_entry(EVE), both))
    async with FakeSession(settings(gate=both), store=store) as session:
        assert session.played.door.gate == GatePolicy(allow=[ANN])
        session.update_gate(GatePolicy(allow=[EVE]))
        assert session.played.door.gate == GatePolicy(allow=[])
    # Of a bot without a gate nobody is kept away, but it has one as soon as anybody was denied.
    assert await gate_of(settings(), store) == GatePolicy(allow=[])


async def test_a_bot_is_not_started_where_nobody_can_tell_who_was_denied() -> None:
    store = MemoryStore(paired=True)
    keep_changes(store.inbox, Changes().allowing(parse_entry(ANN), GatePolicy()))
    (store.inbox / "gate.json").write_text("{")
    with pytest.raises(StoreError, match=r"gate\.json"):
        await gate_of(settings(), store)


def test_a_gate_that_judges_nothing_is_warned_about() -> None:
    off: dict[str, Any] = {"inbox": {"enabled": False}, "gate": {"direct": "open"}}
    (warning,) = Settings(**off).warnings()
    assert "gate is set but judges nothing" in warning
    assert Settings(**off, bot=BOT).warnings() == ()
    assert Settings(gate={"direct": "open"}).warnings() == ()
    assert Settings(inbox={"enabled": False}).warnings() == ()
