"""`wa-supervisor restart`: a new process, a new bot, the same device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from e2e.tty import said_by

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e

BOT = """
@client.event(events.ConnectedEv)
def connected(client, event):
    Path("seen").write_text(f"{version} {{os.getpid()}}")
"""


async def test_a_bot_whose_code_changed_is_taken_by_a_restart_that_keeps_the_session(
    world: World,
) -> None:
    seen = world.directory / "seen"
    command = world.command("--bot", world.bot(BOT.format(version="old")))
    await world.connected(command)
    await until(seen.exists)
    old = command.pid
    assert seen.read_text() == f"old {old}"

    world.bot(BOT.format(version="newer"))
    assert "Restarting; `wa-supervisor status" in await said_by(world, "restart")
    step = await command.reach("Backoff", reason="restarting", retries=0)
    assert step.effects == ("StopChild",)
    await command.reach("Connected", retries=0)
    await until(lambda: seen.read_text() == f"newer {command.pid}")
    assert command.pid != old
    assert command.effects.count("ShowQr") == 1
    assert "ReportCrash" not in command.effects
    await command.stop()
    assert "no supervisor runs" in await said_by(world, "restart")
