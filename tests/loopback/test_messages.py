"""Messages between contacts and the unmodified neonize."""

from __future__ import annotations

import pytest

from lab.bare import CallFailed
from loopback.chatting import said, source
from loopback.conftest import Clients
from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e


async def test_a_client_hears_a_contact_and_answers(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact("Ann")
    first = ann.say(paired.phone, "hello")
    event = await said(paired.client, "hello")
    assert event["Info"]["ID"] == first.id
    assert event["Info"]["Pushname"] == "Ann"
    answer = await paired.client.call("reply", id=first.id, text="hello yourself")
    heard = await ann.next_message()
    assert (heard.id, heard.text, heard.content.quoted) == (answer, "hello yourself", first.id)
    assert [copy.text for copy in paired.phone.heard] == ["hello yourself"]
    for number in range(3):
        ann.say(paired.phone, f"more {number}")
        await said(paired.client, f"more {number}")
        await paired.client.call("send", to=str(ann.lid), text=f"answer {number}")
        assert (await ann.next_message()).text == f"answer {number}"
    assert [each.kind for each in ann.heard] == ["msg"] * 4


async def test_a_client_writes_to_a_stranger(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    await paired.client.call("send", to=str(ann.jid), text="first")
    heard = await ann.next_message()
    assert (heard.text, heard.kind) == ("first", "pkmsg")
    ann.reply(heard, "answer")
    event = await said(paired.client, "answer")
    quoted = event["Message"]["extendedTextMessage"]["contextInfo"]
    assert quoted["stanzaID"] == heard.id
    assert source(event)["Sender"]["User"] == ann.lid.user
    with pytest.raises(CallFailed, match="no LID found"):
        await paired.client.call("send", to="19990000000@s.whatsapp.net", text="nobody")


async def test_a_client_takes_part_in_a_group(server: LoopbackServer, clients: Clients) -> None:
    paired, ann, bob = await clients.pair("--messages"), server.contact(), server.contact("Bob")
    group = server.group(ann, bob, paired.phone)
    assert await paired.client.call("joined_groups") == [str(group.jid)]
    group.say(ann, "hello all")
    group.say(bob, "hello Ann", mentions=[ann])
    await said(paired.client, "hello all")
    event = await said(paired.client, "hello Ann")
    mentions = event["Message"]["extendedTextMessage"]["contextInfo"]["mentionedJID"]
    assert mentions == [str(ann.lid)]
    for turn in range(2):
        await paired.client.call("send", to=str(group.jid), text=f"answer {turn}")
        for member in (ann, bob):
            heard = await member.next_message()
            assert (heard.text, heard.kind, heard.chat) == (f"answer {turn}", "skmsg", group)


async def test_the_first_group_message_of_a_sender_is_two_events_with_one_id(
    server: LoopbackServer, clients: Clients
) -> None:
    """The sender key is an event of its own, without content: a trap for who goes by ids."""
    paired, ann = await clients.pair("--messages"), server.contact()
    said_first = server.group(ann, paired.phone).say(ann, "hello all")
    told = await paired.client.event("Message")
    hello = await paired.client.event("Message")
    assert told["Info"]["ID"] == hello["Info"]["ID"] == said_first.id
    assert list(told["Message"]) == ["senderKeyDistributionMessage"]
    assert hello["Message"] == {"conversation": "hello all"}


async def test_a_newsletter_goes_both_ways(server: LoopbackServer, clients: Clients) -> None:
    paired = await clients.pair("--messages")
    news = server.newsletter(paired.phone)
    news.say("first")
    await said(paired.client, "first")
    await paired.client.call("send", to=str(news.jid), text="second")
    heard = await news.next_message()
    assert (heard.text, heard.kind) == ("second", None)


async def test_contacts_edit_delete_and_react(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    first = ann.say(paired.phone, "helo")
    await said(paired.client, "helo")
    ann.edit(first, "hello")
    edited = await paired.client.event("Message")
    assert (edited["Info"]["Edit"], edited["IsEdit"]) == ("1", True)
    protocol = edited["Message"]["protocolMessage"]
    assert protocol["key"]["ID"] == first.id
    assert protocol["editedMessage"] == {"conversation": "hello"}
    answer = await paired.client.call("reply", id=first.id, text="hello yourself")
    heard = await ann.next_message()
    ann.react(heard, "👍")
    reaction = (await paired.client.event("Message"))["Message"]["reactionMessage"]
    assert (reaction["key"]["ID"], reaction["key"]["fromMe"]) == (answer, False)
    assert reaction["text"] == "👍"
    ann.delete(first)
    deleted = await paired.client.event("Message")
    assert deleted["Info"]["Edit"] == "7"
    assert deleted["Message"]["protocolMessage"]["key"] == {
        "remoteJID": str(paired.phone.lid),
        "fromMe": True,
        "ID": first.id,
    }


async def test_clients_edit_delete_and_react(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    client, to = paired.client, str(ann.lid)
    hello = ann.say(paired.phone, "hello")
    await said(client, "hello")
    await client.call("react", id=hello.id, emoji="👍")
    sent = await client.call("send", to=to, text="helo")
    await client.call("edit", to=to, id=sent, text="hello")
    await client.call("delete", to=to, id=sent)
    contents = [(await ann.next_message()).content for _ in range(4)]
    assert [(each.kind, each.text, each.target) for each in contents] == [
        ("reaction", "👍", hello.id),
        ("text", "helo", None),
        ("edit", "hello", sent),
        ("revoke", None, sent),
    ]


async def test_receipts_and_chat_states_go_both_ways(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages", "--receipts"), server.contact()
    client = paired.client
    hello = ann.say(paired.phone, "hello")
    await said(client, "hello")
    sent = await client.call("reply", id=hello.id, text="hello yourself")
    delivered = await client.event("Receipt")
    assert (delivered["MessageIDs"], delivered["Type"]) == ([sent], "DELIVERED")
    heard = await ann.next_message()
    for kind in ("read", "played"):
        ann.receipt(heard, kind)
        receipt = await client.event("Receipt")
        assert (receipt["MessageIDs"], receipt["Type"]) == ([sent], kind.upper())
    for state in ("composing", "paused"):
        ann.chat_state(paired.phone, state)
        assert (await client.event("ChatPresence"))["State"] == state.upper()
    await client.call("read", id=hello.id)
    await server.changes.until(
        lambda: [each.type for each in ann.receipts] == ["inactive", "read"] or None,
        within=10,
        what="the client's receipts",
    )
    assert {each.ids for each in ann.receipts} == {(hello.id,)}


@pytest.mark.parametrize("kind", ["server-error", "hist_sync_2"])
async def test_a_receipt_that_neonize_does_not_know_ends_its_session(
    server: LoopbackServer, clients: Clients, kind: str
) -> None:
    paired, ann = await clients.pair("--messages", "--receipts"), server.contact()
    await paired.client.call("send", to=str(ann.lid), text="hello")
    ann.receipt(await ann.next_message(), kind)
    raised = await paired.client.expect("raised")
    assert "required field neonize.Receipt.Type not set" in raised["error"]


async def test_a_chat_state_that_neonize_does_not_know_ends_its_session(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--receipts"), server.contact()
    ann.chat_state(paired.phone, "recording")
    raised = await paired.client.expect("raised")
    assert "required field neonize.ChatPresence.State not set" in raised["error"]
