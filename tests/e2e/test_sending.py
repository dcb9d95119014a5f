"""A program sends through its session: real messages to contacts of the loopback server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from wa_loopback.answers import RefuseMessage
from wa_supervisor import State
from wa_supervisor.messages.errors import (
    KeyReused,
    NotConnected,
    NotOnWhatsApp,
    RateLimited,
    Refused,
    Restricted,
    SendError,
    SendUnknown,
)

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e


async def test_a_text_reaches_a_contact_and_a_group(world: World) -> None:
    run, connection = await world.paired()
    ann = world.server.contact("Ann")
    sent = await run.supervisor.send_text(str(ann.lid), "hello Ann")
    heard = await ann.next_message()
    assert (heard.id, heard.text) == (sent.id, "hello Ann")
    assert connection.device is not None
    group = world.server.group(ann, connection.device.phone)
    await run.supervisor.send_text(str(group.jid), "hello all", mentions=[str(ann.lid)])
    assert (await ann.next_message()).text == "hello all"
    by_number = await run.supervisor.send_text(f"+{ann.jid.user}", "by number")
    assert (await ann.next_message()).id == by_number.id


async def test_a_long_text_is_sent_whole(world: World) -> None:
    run, _ = await world.paired()
    ann = world.server.contact("Ann")
    text = "long " * 100_000
    await run.supervisor.send_text(str(ann.lid), text)
    assert (await ann.next_message(timeout=30)).text == text


async def test_the_same_key_sends_once_and_returns_the_first_result(world: World) -> None:
    run, _ = await world.paired()
    ann = world.server.contact("Ann")
    send = run.supervisor.send_text
    one, two = await asyncio.gather(*(send(str(ann.lid), "once", key="order-1") for _ in range(2)))
    assert one == two
    assert (await ann.next_message()).id == one.id
    with pytest.raises(KeyReused):
        await send(str(ann.lid), "something else", key="order-1")
    await run.stop()
    again = world.start()
    await again.reach("Connected")
    assert await again.supervisor.send_text(str(ann.lid), "once", key="order-1") == one
    await again.supervisor.send_text(str(ann.lid), "last")
    assert (await ann.next_message()).text == "last"


async def test_a_message_is_edited_and_taken_back(world: World) -> None:
    run, _ = await world.paired()
    ann = world.server.contact("Ann")
    sent = await run.supervisor.send_text(str(ann.lid), "first")
    await ann.next_message()
    await run.supervisor.edit(str(ann.lid), sent, "second")
    edit = await ann.next_message()
    await run.supervisor.revoke(str(ann.lid), sent)
    revoke = await ann.next_message()
    assert len({sent.id, edit.id, revoke.id}) == 3


async def test_nobody_at_an_address_is_said_so(world: World) -> None:
    run, _ = await world.paired()
    with pytest.raises(NotOnWhatsApp):
        await run.supervisor.send_text("+19990000000", "anybody?")


@pytest.mark.parametrize(
    ("code", "error"), [(463, Restricted), (429, RateLimited), (479, RateLimited), (500, Refused)]
)
async def test_a_refusal_of_whatsapp_is_an_error_of_its_own(
    world: World, code: int, error: type[SendError]
) -> None:
    run, _ = await world.paired()
    ann = world.server.contact("Ann")
    world.server.on_message(RefuseMessage(code))
    with pytest.raises(error) as caught:
        await run.supervisor.send_text(str(ann.lid), "psst", key="k")
    assert caught.type is error
    assert caught.value.retriable == (error is RateLimited)
    assert (run.supervisor.status.restricted_at is not None) == (error is Restricted)
    if error is RateLimited:
        await run.supervisor.send_text(str(ann.lid), "psst", key="k")
        assert (await ann.next_message()).text == "psst"
    else:
        with pytest.raises(error):
            await run.supervisor.send_text(str(ann.lid), "psst", key="k")


async def test_what_neonize_can_do_beside_is_called_by_name(world: World) -> None:
    run, connection = await world.paired()
    ann = world.server.contact("Ann")
    assert connection.device is not None
    world.server.group(ann, connection.device.phone)
    groups = await run.supervisor.call("get_joined_groups")
    assert len(groups) == 1
    assert isinstance(groups[0], bytes)
    with pytest.raises(Refused, match="no method get_everything"):
        await run.supervisor.call("get_everything")
    with pytest.raises(Refused, match="the supervisor does"):
        await run.supervisor.call("logout")


async def test_offline_it_is_waited_for_or_said(world: World) -> None:
    run, _ = await world.paired()
    ann = world.server.contact("Ann")
    world.server.refuse()
    run.kill()
    await run.reach("Backoff")
    with pytest.raises(NotConnected) as caught:
        await run.supervisor.send_text(str(ann.lid), "now?", when_offline="raise")
    assert caught.value.retriable
    assert caught.value.state in {State.BACKOFF.value, State.INIT.value}  # the wait is short
    waiting = asyncio.create_task(run.supervisor.send_text(str(ann.lid), "later"))
    world.server.accept()
    sent = await asyncio.wait_for(waiting, 30)
    assert (await ann.next_message()).id == sent.id


async def test_a_client_that_dies_before_it_answers_leaves_it_unknown_and_it_is_not_sent_again(
    world: World,
) -> None:
    run, _ = await world.paired()
    ann = world.server.contact("Ann")
    await run.supervisor.send_text(str(ann.lid), "the session is there")
    await ann.next_message()
    world.server.withhold_acks()
    sending = asyncio.create_task(run.supervisor.send_text(str(ann.lid), "once", key="k"))
    await ann.next_message()
    run.kill()
    with pytest.raises(SendUnknown):
        await sending
    world.server.send_acks()
    await run.reach("Connected")
    with pytest.raises(SendUnknown):
        await run.supervisor.send_text(str(ann.lid), "once", key="k")
    await run.supervisor.send_text(str(ann.lid), "last")
    assert (await ann.next_message()).text == "last"
