"""The examples of docs/embedding.md run, on a real supervisor and on a fake session."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.runs import Codes
from wa_supervisor import State, Supervisor, SyncSupervisor
from wa_supervisor.gate import GatePolicy
from wa_supervisor.testing import FakeSession

if TYPE_CHECKING:
    from e2e.harness import World

PAGE = Path(__file__).parents[2] / "docs/embedding.md"


def examples() -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)
    return names


async def test_the_example_runs_on_a_fake_session() -> None:
    async with FakeSession() as session:
        await examples()["remind"](session, "+4915112345678")
    assert [what for what, _ in session.played.requests] == ["send_text", "edit"]


def test_the_example_for_threads_runs_on_a_fake_session() -> None:
    fake, names = FakeSession(), examples()
    names["SyncSupervisor"] = lambda _: SyncSupervisor(fake)
    names["notify"]("+4915112345678")
    assert [sent.text for sent in fake.sent] == ["Good morning."]


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_the_example_runs_on_a_real_supervisor(world: World) -> None:
    codes = Codes(world.canary)
    ann = world.server.contact("Ann")
    first, _ = await world.paired()
    await first.stop()
    async with Supervisor(world.settings(), sinks=[codes]) as session:
        await examples()["remind"](session, f"+{ann.jid.user}")
    assert (await ann.next_message()).text == "Your table is ready."


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_the_example_of_receiving_runs_on_a_real_supervisor(world: World) -> None:
    ann = world.server.contact("Ann")
    first, connection = await world.paired()
    await first.stop()
    assert connection.device is not None
    phone = world.server.phone(connection.device.phone.number)
    settings = world.settings().model_copy(update={"gate": GatePolicy(direct="open")})
    async with Supervisor(settings, sinks=[Codes(world.canary)]) as session:
        messages = session.messages()
        await messages.begin()
        messages.close()
        await session.wait_for(State.CONNECTED, timeout=30)
        ann.say(phone, "ping")
        ann.say(phone, "thanks")
        await examples()["answer"](session, 2)
    assert (await ann.next_message()).text == "pong"
