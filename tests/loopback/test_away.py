"""What happens to messages when clients are away, are killed, or come back with older keys."""

from __future__ import annotations

from typing import Any

import pytest

from lab.bare import BareClient
from loopback.chatting import said
from loopback.conftest import Clients, Paired
from wa_loopback import Contact, LoopbackServer

pytestmark = pytest.mark.e2e


async def killed(client: BareClient) -> None:
    client.process.kill()
    await client.exit()


async def completed(client: BareClient) -> dict[str, Any]:
    """The event that ends what was missed, whether it was read already or not."""
    for line in client.said:
        if line.get("name") == "OfflineSyncCompleted":
            fields: dict[str, Any] = line["fields"]
            return fields
    return await client.event("OfflineSyncCompleted")


async def returned(server: LoopbackServer, clients: Clients, paired: Paired) -> BareClient:
    """A new client on the same database, once it was sent everything that it missed."""
    client = await clients.start("--messages")
    await client.event("OfflineSyncCompleted")
    await server.wait_acknowledged(paired.device)
    return client


async def test_what_waited_comes_in_order_between_preview_and_completed(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    ann.say(paired.phone, "open")
    await said(paired.client, "open")
    await server.wait_acknowledged(paired.device)
    await killed(paired.client)
    count = 120  # more than are sent at once
    for number in range(count):
        ann.say(paired.phone, f"missed {number}")
    again = await clients.start("--messages")
    assert int((await again.event("OfflineSyncPreview"))["Message"]) == count
    for number in range(count):
        assert (await again.event("Message"))["Message"]["conversation"] == f"missed {number}"
    assert int((await again.event("OfflineSyncCompleted"))["Count"]) == count
    await server.wait_acknowledged(paired.device)


async def test_a_client_that_missed_nothing_is_told_so(clients: Clients) -> None:
    paired = await clients.pair("--messages")
    assert int((await completed(paired.client))["Count"]) == 0
    assert "OfflineSyncPreview" not in paired.client.events()


async def test_a_message_whose_receipt_was_lost_is_not_an_event_again(
    server: LoopbackServer, clients: Clients
) -> None:
    """whatsmeow has used its key up: it ignores the message and acknowledges it."""
    paired, ann = await clients.pair("--messages"), server.contact()
    paired.device.mailbox.lose_receipts = True
    ann.say(paired.phone, "once")
    await said(paired.client, "once")
    await killed(paired.client)
    paired.device.mailbox.lose_receipts = False
    assert len(paired.device.mailbox) == 1
    again = await returned(server, clients, paired)
    ann.say(paired.phone, "after")
    await said(again, "after")
    assert again.events().count("Message") == 1


async def test_a_newsletter_post_whose_acknowledgement_was_lost_is_an_event_again(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair("--messages")
    paired.device.mailbox.lose_receipts = True
    server.newsletter(paired.phone).say("news")
    await said(paired.client, "news")
    await killed(paired.client)
    paired.device.mailbox.lose_receipts = False
    await said(await clients.start("--messages"), "news")


async def test_a_message_whose_handler_is_killed_is_lost(
    server: LoopbackServer, clients: Clients
) -> None:
    """The receipt does not wait for the handler; and what comes again is ignored."""
    paired, ann = await clients.pair("--messages", "--kill-on", "die"), server.contact()
    ann.say(paired.phone, "die")
    assert await paired.client.exit() == -9
    again = await returned(server, clients, paired)
    ann.say(paired.phone, "after")
    await said(again, "after")
    assert again.events().count("Message") == 1


async def test_a_dropped_connection_loses_nothing(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    for number in range(60):
        ann.say(paired.phone, f"message {number}")
        if number % 20 == 10:
            await (await server.wait_connected(paired.device)).drop()
    for number in range(60):
        assert (await paired.client.event("Message"))["Message"]["conversation"] == (
            f"message {number}"
        )


async def two_turns_back(server: LoopbackServer, clients: Clients, ann: Contact) -> Paired:
    """A client which is away, and whose database is older than its last words with a contact."""
    paired = await clients.pair("--messages")
    ann.say(paired.phone, "open")
    await said(paired.client, "open")
    await server.wait_acknowledged(paired.device)
    await killed(paired.client)
    kept = paired.client.database.read_bytes()
    paired.client = await clients.start("--messages")
    await paired.client.event("Connected")
    for turn in range(2):  # one turn back, the keys would still do
        await paired.client.call("send", to=str(ann.lid), text=f"answer {turn}")
        await ann.next_message()
        ann.say(paired.phone, f"turn {turn}")
        await said(paired.client, f"turn {turn}")
    await server.wait_acknowledged(paired.device)
    await killed(paired.client)
    paired.client.database.write_bytes(kept)
    return paired


async def test_an_older_database_hears_what_is_said_at_the_second_try(
    server: LoopbackServer, clients: Clients
) -> None:
    ann = server.contact()
    paired = await two_turns_back(server, clients, ann)
    again = await returned(server, clients, paired)
    ann.say(paired.phone, "hello")
    await again.event("UndecryptableMessage")
    assert (await said(again, "hello"))["RetryCount"] == "1"
    await again.call("send", to=str(ann.lid), text="and back")
    assert (await ann.next_message()).text == "and back"


async def test_an_older_database_is_heard_at_the_second_try(
    server: LoopbackServer, clients: Clients
) -> None:
    ann = server.contact()
    paired = await two_turns_back(server, clients, ann)
    again = await returned(server, clients, paired)
    await again.call("send", to=str(ann.lid), text="hello")
    assert (await ann.next_message()).text == "hello"


async def test_an_older_database_hears_strangers_at_the_second_try(
    server: LoopbackServer, clients: Clients
) -> None:
    """To the copy, everybody whom it met since is a stranger; to them it is not."""
    paired = await clients.pair("--messages")
    await completed(paired.client)
    await killed(paired.client)
    kept = paired.client.database.read_bytes()
    ann = server.contact()
    paired.client = await clients.start("--messages")
    ann.say(paired.phone, "open")
    await said(paired.client, "open")
    await paired.client.call("send", to=str(ann.lid), text="answer")
    await ann.next_message()
    await server.wait_acknowledged(paired.device)
    await killed(paired.client)
    paired.client.database.write_bytes(kept)
    again = await returned(server, clients, paired)
    ann.say(paired.phone, "hello")
    await again.event("UndecryptableMessage")
    assert (await said(again, "hello"))["RetryCount"] == "1"
