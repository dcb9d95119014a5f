"""Messages of a client that the server refuses, or does not acknowledge."""

from __future__ import annotations

import asyncio

import pytest

from lab.bare import CallFailed
from loopback.conftest import Clients
from wa_loopback import LoopbackServer, RefuseMessage, Silence
from wa_loopback.observations import MessageSent

pytestmark = pytest.mark.e2e


def sent(server: LoopbackServer) -> list[tuple[str, int | None]]:
    return [(seen.id, seen.refused) for seen in server.log if isinstance(seen, MessageSent)]


@pytest.mark.parametrize("code", [463, 479, 429, 500])
async def test_a_refused_message_reaches_nobody_and_is_an_error(
    server: LoopbackServer, clients: Clients, code: int
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    server.on_message(RefuseMessage(code))
    with pytest.raises(CallFailed, match=f"server returned error {code}"):
        await paired.client.call("send", to=str(ann.lid), text="refused")
    ident = await paired.client.call("send", to=str(ann.lid), text="taken")
    assert (await ann.next_message()).text == "taken"
    assert [refused for _, refused in sent(server)] == [code, None]
    assert sent(server)[1][0] == ident


async def test_refusals_go_on_until_they_are_taken_back(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    server.on_message(RefuseMessage(429), times=None)
    for _ in range(3):
        with pytest.raises(CallFailed, match="429"):
            await paired.client.call("send", to=str(ann.lid), text="refused")
    server.on_message(None)
    await paired.client.call("send", to=str(ann.lid), text="taken")
    assert (await ann.next_message()).text == "taken"


async def test_a_withheld_acknowledgement_holds_the_send_up(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    server.withhold_acks()
    sending = asyncio.ensure_future(paired.client.call("send", to=str(ann.lid), text="hello"))
    heard = await ann.next_message()
    assert not sending.done()
    server.send_acks()
    assert await sending == heard.id


async def test_a_message_whose_acknowledgement_is_lost_is_sent_again_and_heard_once(
    server: LoopbackServer, clients: Clients
) -> None:
    """whatsmeow sends the same bytes after it has reconnected."""
    paired, ann = await clients.pair("--messages"), server.contact()
    server.on_message(Silence())
    sending = asyncio.ensure_future(paired.client.call("send", to=str(ann.lid), text="hello"))
    heard = await ann.next_message()
    await paired.connection.drop()
    assert await sending == heard.id
    assert [ident for ident, _ in sent(server)] == [heard.id] * 2
    await paired.client.call("send", to=str(ann.lid), text="after")
    assert (await ann.next_message()).text == "after"
    assert [each.text for each in paired.phone.heard] == ["hello", "after"]


async def test_a_send_without_a_connection_fails_at_once(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    server.refuse()
    await paired.connection.drop()
    await paired.client.event("Disconnected")
    with pytest.raises(CallFailed, match="websocket not connected"):
        await paired.client.call("send", to=str(ann.jid), text="nowhere", within=5.0)
