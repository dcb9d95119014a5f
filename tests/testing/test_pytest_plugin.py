"""The fixtures, as a test suite of somebody else uses them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from wa_supervisor import Settings, Supervisor

if TYPE_CHECKING:
    from wa_supervisor.testing import FakeSession

pytest_plugins = ["wa_supervisor.testing.pytest_plugin"]

ANN = "+4915112345678"


@pytest.fixture
def wa_settings() -> Settings:
    return Settings(session="shop", gate={"allow": [ANN]})


async def greet(session: Supervisor) -> None:
    async for message in session.messages():
        await session.reply(message, f"Hello from the {session.settings.session}.")


async def test_a_session_has_the_settings_of_the_suite(wa_session: FakeSession) -> None:
    async with wa_session as session:
        program = asyncio.create_task(greet(session))
        await wa_session.receive("hi", sender=ANN)
        await wa_session.receive("hi", sender="+15550009999")
        assert [sent.text for sent in wa_session.sent] == ["Hello from the shop."]
    await program
