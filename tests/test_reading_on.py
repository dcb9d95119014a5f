"""Who reads on under a reader's name after a task that read was cancelled."""

from __future__ import annotations

import asyncio

from wa_supervisor import GatePolicy, Settings
from wa_supervisor.testing import FakeSession


async def test_a_reader_that_was_cancelled_is_in_nobodys_way_while_its_task_is_kept() -> None:
    heard: list[str] = []
    settings = Settings(gate=GatePolicy(direct="open"))

    async with FakeSession(settings) as session:

        async def read() -> None:
            async for message in session.messages():
                assert not message.redelivered
                heard.append(message.text)

        first = asyncio.create_task(read())
        await session.receive("one")
        first.cancel()
        await asyncio.wait({first})  # nobody has looked at its exception, which has a traceback
        second = asyncio.create_task(read())
        await session.receive("two")
        second.cancel()
        await asyncio.wait({second})
    assert heard == ["one", "two"]
