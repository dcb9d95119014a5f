"""A session that is linked to another account has nothing of the one before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from wa_supervisor.messages.errors import NotPaired

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.harness import World
    from e2e.runs import Run
    from wa_loopback import Device

pytestmark = pytest.mark.e2e

OTHER = "15550002222"


async def link(world: World, run: Run, number: str) -> Device:
    """Link the session anew, to the account with this number."""
    run.supervisor.relink()
    await run.reach("Pairing")
    device = await world.server.phone(number).scan(await run.code())
    await run.reach("Connected")
    return device


def depth(run: Run) -> int:
    received = run.supervisor.status.received
    assert received is not None
    return received.waiting


def put_aside(directory: Path) -> list[str]:
    return sorted(file.suffix for file in directory.glob("inbox/other-accounts/*/*"))


async def test_nothing_of_another_account_is_handed_out_or_taken_for_sent(world: World) -> None:
    run, connection = await world.paired(gate={"direct": "open"})
    assert connection.device is not None
    session, ann = run.supervisor, world.server.contact("Ann")
    phone = connection.device.phone
    async with session.messages() as messages:
        ann.say(phone, "to the first")
        assert (await asyncio.wait_for(anext(messages), 20)).text == "to the first"
    first = await session.send_text(str(ann.lid), "order", key="order-1")
    assert (await ann.next_message()).id == first.id
    ann.say(phone, "unread")
    await until(lambda: depth(run) == 2)

    # The same account again: what it had not read is still there.
    await link(world, run, phone.number)
    assert await session.send_text(str(ann.lid), "order", key="order-1") == first
    assert depth(run) == 2
    assert put_aside(world.files().directory) == []

    # A message that waits for a connection was meant for the account of then.
    world.server.refuse()
    run.kill()
    await run.reach("Backoff")
    waiting = asyncio.create_task(session.send_text(str(ann.lid), "from the first"))
    await asyncio.sleep(0.1)
    run.supervisor.relink()
    await asyncio.sleep(0.1)
    world.server.accept()
    await run.reach("Pairing")
    device = await world.server.phone(OTHER).scan(await run.code())
    with pytest.raises(NotPaired, match="another account"):
        await asyncio.wait_for(waiting, 30)
    assert run.supervisor.status.state.value == "Connected"

    second = await session.send_text(str(ann.lid), "order", key="order-1")
    heard = await ann.next_message()
    assert (heard.id, heard.sender) == (second.id, device)
    assert second != first
    ann.say(device.phone, "to the second")
    async with session.messages() as messages:
        assert (await asyncio.wait_for(anext(messages), 20)).text == "to the second"
    assert depth(run) == 1  # not acknowledged yet
    assert ".db" in put_aside(world.files().directory)
    assert ".log" in put_aside(world.files().directory)
