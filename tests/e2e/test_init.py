"""What `wa-supervisor init` writes, on the real client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.tty import said_by
from wa_supervisor.cli.init import SETTINGS, init

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e


async def test_the_starter_bot_answers_a_ping_and_nothing_else(world: World) -> None:
    init(world.directory, session="shop", bot="mybot", service=None)
    checked = await said_by(world, "config", "check", "--config", str(world.directory / SETTINGS))
    assert "can be used for session 'shop'" in checked
    command = world.command("--config", str(world.directory / SETTINGS))
    _, connection = await world.connected(command)
    assert connection.device is not None
    assert command.records[-1].session == "shop"
    ann = world.server.contact("Ann")
    for text in ("Are you there?", " Ping"):
        ann.say(connection.device.phone, text)
    heard = await ann.next_message(timeout=15)
    assert heard.text == "pong"
    await command.stop()
    assert ann.heard == [heard]
