"""Clients that write to one another: what they encrypt, the server passes on unread."""

from __future__ import annotations

import pytest

from loopback.chatting import address, said, source
from loopback.conftest import Clients
from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e


async def test_two_accounts(server: LoopbackServer, clients: Clients) -> None:
    one, two = await clients.pair("--messages"), await clients.pair("--messages")
    await one.client.call("send", to=str(two.phone.lid), text="hello")
    event = await said(two.client, "hello")
    assert address(source(event)["Sender"]) == str(one.device.lid)
    assert address(source(event)["Chat"]) == str(one.phone.lid)
    await two.client.call("reply", id=event["Info"]["ID"], text="hello yourself")
    await said(one.client, "hello yourself")
    await one.client.call("send", to=str(two.phone.jid), text="by number")
    await said(two.client, "by number")
    group = server.group(one.phone, two.phone, server.contact())
    for turn in range(2):
        await one.client.call("send", to=str(group.jid), text=f"hello all {turn}")
        await said(two.client, f"hello all {turn}")
        await two.client.call("send", to=str(group.jid), text=f"answer {turn}")
        await said(one.client, f"answer {turn}")


async def test_two_devices_of_one_account(server: LoopbackServer, clients: Clients) -> None:
    first, ann = await clients.pair("--messages"), server.contact()
    second = await clients.pair("--messages", phone=first.phone)
    ann.say(first.phone, "to both")
    for paired in (first, second):
        await said(paired.client, "to both")
    sent = await first.client.call("send", to=str(ann.lid), text="from the first")
    event = await said(second.client, "from the first")
    assert (event["Info"]["ID"], source(event)["IsFromMe"]) == (sent, True)
    assert address(source(event)["Chat"]) == str(ann.lid)


async def test_an_account_asks_another_for_what_it_cannot_decrypt(
    server: LoopbackServer, clients: Clients
) -> None:
    one, two = await clients.pair("--messages"), await clients.pair("--messages")
    await one.client.call("send", to=str(two.phone.lid), text="open")
    await said(two.client, "open")
    await server.wait_acknowledged(two.device)
    two.client.process.kill()
    await two.client.exit()
    kept = two.client.database.read_bytes()
    two.client = await clients.start("--messages", database=two.client.database)
    await two.client.event("Connected")
    for turn in range(2):
        await two.client.call("send", to=str(one.phone.lid), text=f"answer {turn}")
        await said(one.client, f"answer {turn}")
        await one.client.call("send", to=str(two.phone.lid), text=f"turn {turn}")
        await said(two.client, f"turn {turn}")
    await server.wait_acknowledged(two.device)
    two.client.process.kill()
    await two.client.exit()
    two.client.database.write_bytes(kept)
    two.client = await clients.start("--messages", database=two.client.database)
    await two.client.event("Connected")
    await one.client.call("send", to=str(two.phone.lid), text="hello")
    await two.client.event("UndecryptableMessage")
    # whatsmeow asks without keys at first, and is sent the message in the old session again.
    assert (await said(two.client, "hello"))["RetryCount"] == "2"
