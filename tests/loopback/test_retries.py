"""Messages that cannot be decrypted, and how both sides come back from that."""

from __future__ import annotations

import pytest

from loopback.chatting import said, source
from loopback.conftest import Clients
from wa_loopback import Damage, LoopbackServer, Manner
from wa_loopback.observations import NotDecrypted, RetryRequested

pytestmark = pytest.mark.e2e


def retries(server: LoopbackServer) -> list[int]:
    """How often a client had asked, each time it asked."""
    return [seen.count for seen in server.log if isinstance(seen, RetryRequested)]


@pytest.mark.parametrize("known", [False, True])
async def test_what_a_client_cannot_decrypt_it_asks_for_again(
    server: LoopbackServer, clients: Clients, *, known: bool
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    if known:
        ann.say(paired.phone, "before")
        await said(paired.client, "before")
    broken = ann.say(paired.phone, "hello", manner=Manner(damage=Damage.ONCE))
    first = await paired.client.event("UndecryptableMessage")
    assert first["Info"]["ID"] == broken.id
    event = await said(paired.client, "hello")
    assert (event["Info"]["ID"], event["RetryCount"]) == (broken.id, "1")
    await server.wait_acknowledged(paired.device)
    ann.say(paired.phone, "after")
    await said(paired.client, "after")


async def test_a_group_message_that_a_client_cannot_decrypt_is_sent_again(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    group = server.group(ann, paired.phone)
    group.say(ann, "hello all", manner=Manner(damage=Damage.ONCE))
    await paired.client.event("UndecryptableMessage")
    event = await said(paired.client, "hello all")
    assert (event["RetryCount"], source(event)["IsGroup"]) == ("1", True)
    group.say(ann, "after")
    await said(paired.client, "after")


async def test_a_client_asks_four_times_at_most(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    ann.say(paired.phone, "never", manner=Manner(damage=Damage.ALWAYS))
    for _ in range(5):
        await paired.client.event("UndecryptableMessage")
    await server.wait_acknowledged(paired.device)
    assert retries(server) == [1, 2, 3, 4]
    ann.say(paired.phone, "after")
    await said(paired.client, "after")


async def test_a_message_whose_sender_does_not_answer_stays_undecryptable(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    ann.say(paired.phone, "lost", manner=Manner(damage=Damage.UNANSWERED))
    await paired.client.event("UndecryptableMessage")
    await server.wait_acknowledged(paired.device)
    ann.say(paired.phone, "after")
    assert (await paired.client.event("Message"))["Message"]["conversation"] == "after"


async def test_a_message_that_only_the_phone_may_see(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    ann.say(paired.phone, "once", manner=Manner(damage=Damage.UNAVAILABLE))
    event = await paired.client.event("UndecryptableMessage")
    assert event["IsUnavailable"] is True
    await server.wait_acknowledged(paired.device)


async def test_a_message_sent_twice_is_one_event(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    once = ann.say(paired.phone, "once")
    await said(paired.client, "once")
    await server.wait_acknowledged(paired.device)
    paired.device.mailbox.again(once.deliveries[paired.device])
    await server.wait_acknowledged(paired.device)
    ann.say(paired.phone, "after")
    assert (await paired.client.event("Message"))["Message"]["conversation"] == "after"


async def test_a_newsletter_post_sent_twice_is_two_events(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair("--messages")
    post = server.newsletter(paired.phone).say("news")
    for _ in range(2):
        assert (await said(paired.client, "news"))["Info"]["ID"] == post.id
        await server.wait_acknowledged(paired.device)
        paired.device.mailbox.again(post.deliveries[paired.device])


async def test_what_a_contact_cannot_decrypt_it_asks_for_again(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    hello = ann.say(paired.phone, "hello")
    await said(paired.client, "hello")
    await paired.client.call("reply", id=hello.id, text="first")
    assert (await ann.next_message()).text == "first"
    ann.keyring().forget(paired.device)
    sent = await paired.client.call("send", to=str(ann.lid), text="second")
    heard = await ann.next_message()
    assert (heard.id, heard.text, heard.kind) == (sent, "second", "pkmsg")
    assert [seen.id for seen in server.log if isinstance(seen, NotDecrypted)] == [sent]


async def test_what_a_member_of_a_group_cannot_decrypt_it_asks_for_again(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann, bob = await clients.pair("--messages"), server.contact(), server.contact("Bob")
    group = server.group(ann, bob, paired.phone)
    await paired.client.call("send", to=str(group.jid), text="first")
    for member in (ann, bob):
        assert (await member.next_message()).text == "first"
    bob.keyring().forget(paired.device)  # so he does not learn the sender key either
    bob.forget_sender_keys(paired.device)
    await paired.client.call("send", to=str(group.jid), text="second")
    assert [(await member.next_message()).kind for member in (ann, bob)] == ["skmsg", "pkmsg"]
    await paired.client.call("send", to=str(group.jid), text="third")
    assert [(await member.next_message()).kind for member in (ann, bob)] == ["skmsg", "skmsg"]


async def test_a_contact_that_asks_for_nothing_loses_what_it_cannot_decrypt(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    ann.say(paired.phone, "hello")
    await said(paired.client, "hello")
    ann.keyring().forget(paired.device)
    ann.asks_again = False
    await paired.client.call("send", to=str(ann.lid), text="lost")
    ann.say(paired.phone, "in a new session")
    await said(paired.client, "in a new session")
    await paired.client.call("send", to=str(ann.lid), text="after")
    assert [(await ann.next_message()).text] == ["after"]
