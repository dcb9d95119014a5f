"""What is received is in the log before anything else, whatever ends the session process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from e2e.link_world import LinkWorld
from e2e.link_world import link_world as worlds
from e2e.processes import until
from wa_supervisor.lifecycle import facts
from wa_supervisor.messages.inbox import Inbox
from wa_supervisor.messages.message import Kind
from wa_supervisor.session.shared.spec import InboxSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor.messages.message import Message
    from wa_supervisor.session.parent.fork_servers import ForkServers

pytestmark = pytest.mark.e2e

SLOW_BOT = """
import time
from neonize.events import MessageEv

def register(client):
    @client.event(MessageEv)
    def on_message(client, message):
        time.sleep({seconds})
        with open({handled!r}, "a") as handled:
            handled.write(message.Info.ID + "\\n")
"""


@pytest.fixture
async def link_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork_servers: ForkServers
) -> AsyncIterator[LinkWorld]:
    async with worlds(tmp_path, monkeypatch, fork_servers) as world:
        yield world


@pytest.fixture
def inbox(tmp_path: Path) -> InboxSpec:
    return InboxSpec(tmp_path / "inbox")


async def kept(spec: InboxSpec) -> list[Message]:
    """Everything that is in the log, in the order in which it came."""
    found: list[Message] = []
    box = await Inbox.open(spec.directory)
    try:
        async with await box.read() as reader:
            with contextlib.suppress(TimeoutError):
                while True:
                    found.append((await asyncio.wait_for(anext(reader), 1)).message)
    finally:
        await box.aclose()
    return found


async def test_what_is_received_is_in_the_log_and_the_supervisor_hears_of_it(
    link_world: LinkWorld, inbox: InboxSpec
) -> None:
    words = 0

    def heard() -> None:
        nonlocal words
        words += 1

    link_world.use(launcher=link_world.fork_servers, on_received=heard)
    phone = link_world.server.phone("15550001111")
    await link_world.pair(inbox=inbox)
    ann = link_world.server.contact("Ann")
    for number in range(3):
        ann.say(phone, f"message {number}")
    await until(lambda: len(phone.devices[0].mailbox) == 0)
    await until(lambda: words > 0)
    await link_world.stop()
    messages = await kept(inbox)
    assert [message.text for message in messages] == [f"message {n}" for n in range(3)]
    assert {message.kind for message in messages} == {Kind.TEXT}
    assert not any(message.late for message in messages)


async def test_what_waited_at_whatsapp_is_marked_late(
    link_world: LinkWorld, inbox: InboxSpec
) -> None:
    phone = link_world.server.phone("15550001111")
    await link_world.pair(inbox=inbox)
    await link_world.stop()
    ann = link_world.server.contact("Ann")
    ann.say(phone, "while you were away")
    await link_world.start(inbox=inbox, paired=True)
    await link_world.expect(facts.Connected)
    await until(lambda: len(phone.devices[0].mailbox) == 0)
    ann.say(phone, "now")
    await until(lambda: len(phone.devices[0].mailbox) == 0)
    await link_world.stop()
    messages = await kept(inbox)
    assert [(m.text, m.late) for m in messages] == [("while you were away", True), ("now", False)]


async def test_a_kill_in_a_burst_loses_nothing_that_neonize_handed_over(
    link_world: LinkWorld, inbox: InboxSpec
) -> None:
    phone = link_world.server.phone("15550001111")
    await link_world.pair(inbox=inbox)
    ann = link_world.server.contact("Ann")
    said = [ann.say(phone, f"{number}").id for number in range(150)]
    await until(lambda: any(inbox.directory.iterdir()))
    link_world.kill()
    assert (await link_world.expect(facts.ChildExited)).signal == 9
    await link_world.start(inbox=inbox, paired=True)
    await link_world.expect(facts.Connected)
    await until(lambda: len(phone.devices[0].mailbox) == 0, 30)
    await link_world.stop()
    ids = [message.id for message in await kept(inbox)]
    assert len(ids) == len(set(ids))
    # At most one may be lost in a kill: between whatsmeow's commit and the callback.
    assert len(set(said) - set(ids)) <= 1
    assert ids == [each for each in said if each in ids]


async def test_a_requested_stop_drains_what_was_received_and_what_the_bot_was_given(
    link_world: LinkWorld, inbox: InboxSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled = tmp_path / "handled"
    handled.touch()
    (tmp_path / "slow_bot.py").write_text(SLOW_BOT.format(seconds=0.002, handled=str(handled)))
    monkeypatch.syspath_prepend(str(tmp_path))
    phone = link_world.server.phone("15550001111")
    await link_world.pair(inbox=inbox, bot="slow_bot:register")
    ann = link_world.server.contact("Ann")
    said = [ann.say(phone, f"{number}").id for number in range(100)]
    await until(lambda: bool(handled.read_text()))
    await link_world.stop()
    left = {delivery.node.text("id") for delivery in phone.devices[0].mailbox.waiting}
    ids = {message.id for message in await kept(inbox)}
    assert ids | left == set(said)
    assert ids <= set(handled.read_text().split())


async def test_what_the_bound_of_a_stop_cuts_is_in_the_log(
    link_world: LinkWorld, inbox: InboxSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled = tmp_path / "handled"
    handled.touch()
    (tmp_path / "slowest_bot.py").write_text(SLOW_BOT.format(seconds=1, handled=str(handled)))
    monkeypatch.syspath_prepend(str(tmp_path))
    phone = link_world.server.phone("15550001111")
    await link_world.pair(inbox=inbox, bot="slowest_bot:register")
    ann = link_world.server.contact("Ann")
    said = [ann.say(phone, f"{number}").id for number in range(50)]
    await until(lambda: not len(phone.devices[0].mailbox), 20)
    await link_world.stop()  # its handlers would need most of a minute
    assert len(handled.read_text().split()) < len(said)
    assert [message.id for message in await kept(inbox)] == said


async def test_the_client_says_who_we_are_and_whose_a_lid_is(link_world: LinkWorld) -> None:
    phone = link_world.server.phone("15550001111")
    await link_world.pair()
    me = await link_world.link.ask("who_am_i", within=10)
    assert not me.problem
    assert {a.get_secret_value() for a in me.answers} == {str(phone.jid), str(phone.lid)}
    ann = link_world.server.contact("Ann")
    ann.say(phone, "hello")
    await until(lambda: len(phone.devices[0].mailbox) == 0)
    known = await link_world.link.ask("phone_of", within=10, about=SecretStr(str(ann.lid)))
    assert [a.get_secret_value() for a in known.answers] == [str(ann.jid)]
    unknown = await link_world.link.ask("phone_of", within=10, about=SecretStr("987654@lid"))
    assert (unknown.problem, unknown.answers) == ("", ())
    await link_world.stop()
    assert (await link_world.link.ask("who_am_i", within=1)).problem
