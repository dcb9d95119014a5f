"""What neonize makes of each form in which a stanza names its sender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from loopback.chatting import address, said, source
from loopback.conftest import Clients
from wa_loopback import Addressing, Contact, LoopbackServer, Manner

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Row:
    """A form, and the sender, its other address and the mode that the event shows."""

    form: Addressing
    sender: str
    other: str
    mode: str | None
    other_if_known: str | None = None
    """The other address if the client knows it already; None if that is no different."""

    @property
    def name(self) -> str:
        return self.form.name


ROWS = [
    Row(Addressing.LID, "lid", "number", "LID"),
    Row(Addressing.LID_WITHOUT_MODE, "lid", "number", None),
    Row(Addressing.LID_ALONE, "lid", "", None),
    Row(Addressing.NUMBER, "number", "lid", "PN"),
    Row(Addressing.NUMBER_ALONE, "number", "", None, other_if_known="lid"),
]


def shown(contact: Contact, which: str, device: int = 0) -> str:
    """An address of a contact as events show it."""
    if not which:
        return ""
    user, server = contact.lid.user, "lid"
    if which == "number":
        user, server = contact.number, "s.whatsapp.net"
    return f"{user}:{device}@{server}" if device else f"{user}@{server}"


def mode(event: dict[str, Any]) -> str | None:
    found: str | None = source(event).get("AddressingMode")
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_direct_messages(server: LoopbackServer, clients: Clients, row: Row) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    for known in (False, True):
        ann.say(paired.phone, f"known: {known}", manner=Manner(row.form))
        event = await said(paired.client, f"known: {known}")
        where = source(event)
        other = row.other_if_known if known and row.other_if_known is not None else row.other
        assert address(where["Sender"]) == address(where["Chat"]) == shown(ann, row.sender)
        assert address(where["SenderAlt"]) == shown(ann, other)
        assert (mode(event), where["IsGroup"], where["IsFromMe"]) == (row.mode, False, False)
        await paired.client.call("send", to=address(where["Chat"]), text="answer")
        assert (await ann.next_message()).text == "answer"
        await server.wait_acknowledged(paired.device)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_messages_in_a_group(server: LoopbackServer, clients: Clients, row: Row) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    group = server.group(ann, paired.phone)
    for number in range(2):
        group.say(ann, f"message {number}", manner=Manner(row.form))
        event = await said(paired.client, f"message {number}")
        where = source(event)
        assert address(where["Chat"]) == str(group.jid)
        assert address(where["Sender"]) == shown(ann, row.sender)
        assert address(where["SenderAlt"]) == shown(ann, row.other)
        assert (mode(event), where["IsGroup"], where["IsFromMe"]) == (row.mode, True, False)


async def test_another_device_of_a_sender(server: LoopbackServer, clients: Clients) -> None:
    """The device is in the sender's address and never in the chat's."""
    paired, ann = await clients.pair("--messages"), server.contact()
    tablet = ann.add_device()
    ann.say(paired.phone, "from the tablet", manner=Manner(device=tablet))
    where = source(await said(paired.client, "from the tablet"))
    assert address(where["Chat"]) == str(ann.lid)
    assert address(where["Sender"]) == shown(ann, "lid", tablet)
    assert address(where["SenderAlt"]) == shown(ann, "number", tablet)
    await paired.client.call("send", to=str(ann.lid), text="to both")
    assert (await ann.next_message()).text == "to both"
    group = server.group(ann, paired.phone)
    group.say(ann, "hello all", manner=Manner(Addressing.NUMBER, device=tablet))
    where = source(await said(paired.client, "hello all"))
    assert address(where["Sender"]) == shown(ann, "number", tablet)
    assert address(where["SenderAlt"]) == shown(ann, "lid", tablet)


@pytest.mark.parametrize("form", [Addressing.LID, Addressing.NUMBER], ids=lambda form: form.name)
async def test_a_status_update_is_a_group_message(
    server: LoopbackServer, clients: Clients, form: Addressing
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    updates = server.status_updates(paired.phone)
    for number in range(2):
        ann.say(updates, f"update {number}", manner=Manner(form))
        where = source(await said(paired.client, f"update {number}"))
        assert address(where["Chat"]) == "status@broadcast"
        assert address(where["Sender"]) == shown(ann, "lid" if form is form.LID else "number")
        assert where["IsGroup"] is True


async def test_a_message_to_a_broadcast_list(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    everybody = server.broadcast_list(paired.phone, server.contact("Bob"))
    ann.say(everybody, "hello all")
    where = source(await said(paired.client, "hello all"))
    assert address(where["Chat"]) == str(everybody.jid)
    assert address(where["Sender"]) == shown(ann, "lid")
    assert where["IsGroup"] is True


@pytest.mark.parametrize(
    ("form", "own", "other"),
    [(Addressing.LID, "lid", ""), (Addressing.NUMBER, "number", "lid")],
    ids=["LID", "NUMBER"],
)
async def test_what_the_own_phone_writes(
    server: LoopbackServer, clients: Clients, form: Addressing, own: str, other: str
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    paired.phone.say(ann, "from the phone", manner=Manner(form))
    event = await said(paired.client, "from the phone")
    where, phone = source(event), paired.phone
    users = {"lid": str(phone.lid), "number": str(phone.jid), "": ""}
    assert address(where["Chat"]) == shown(ann, own)
    assert address(where["Sender"]) == users[own]
    assert address(where["SenderAlt"]) == users[other]
    assert where["IsFromMe"] is True
    sent_to = event["Info"]["DeviceSentMeta"]["DestinationJID"]
    assert sent_to == str(ann.lid)


async def test_what_the_own_phone_writes_to_a_group(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair("--messages")
    group = server.group(server.contact(), paired.phone)
    group.say(paired.phone, "from the phone")
    where = source(await said(paired.client, "from the phone"))
    assert address(where["Sender"]) == str(paired.phone.lid)
    assert (where["IsGroup"], where["IsFromMe"]) == (True, True)


async def test_a_newsletter_is_its_own_sender(server: LoopbackServer, clients: Clients) -> None:
    paired = await clients.pair("--messages")
    news = server.newsletter(paired.phone)
    post = news.say("extra")
    event = await said(paired.client, "extra")
    where = source(event)
    assert address(where["Chat"]) == address(where["Sender"]) == str(news.jid)
    assert address(where["SenderAlt"]) == ""
    assert int(event["Info"]["ServerID"]) == post.server_id


async def test_a_client_learns_numbers_from_what_it_hears(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann, bob = await clients.pair("--messages"), server.contact(), server.contact("Bob")
    for who, form in ((ann, Addressing.LID_ALONE), (bob, Addressing.LID)):
        who.say(paired.phone, f"from {who.name}", manner=Manner(form))
        await said(paired.client, f"from {who.name}")
    assert await paired.client.call("number_of", lid=str(ann.lid)) is None
    assert await paired.client.call("number_of", lid=str(bob.lid)) == str(bob.jid)
    assert await paired.client.call("is_on_whatsapp", number=f"+{ann.number}") is True
    assert await paired.client.call("is_on_whatsapp", number="+19990000000") is False
    assert await paired.client.call("number_of", lid=str(ann.lid)) == str(ann.jid)
