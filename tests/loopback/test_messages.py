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
