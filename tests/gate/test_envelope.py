"""Every form in which neonize tells who wrote where, and what the gate makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.cases import ANN, ANN_LID, GROUP, policy
from gate.wire import Jid, Source, absent, lid, pn
from wa_supervisor.gate import (
    Broadcast,
    Envelope,
    GateReason,
    Identity,
    Lid,
    Newsletter,
    Other,
    Phone,
    Status,
    decide,
    mentions,
)

ME, ME_LID = "4940123456", "44444444444444"
KNOWN = Identity(Lid(ANN_LID), Phone(ANN))
HIDDEN = Identity(lid=Lid(ANN_LID))
NUMBERED = Identity(phone=Phone(ANN))
MYSELF = Identity(Lid(ME_LID), Phone(ME))
STORED = {Lid(ANN_LID): Phone(ANN)}

group = Jid(GROUP.user, "g.us")
channel = Jid("120363144038483540", "newsletter")
status = Jid("status", "broadcast")
broadcast = Jid("1700000000", "broadcast")


FORMS = {
    "LID with the number": (
        Source(lid(ANN_LID), lid(ANN_LID), pn(ANN)),
        Envelope(KNOWN, KNOWN),
    ),
    "LID alone": (
        Source(lid(ANN_LID), lid(ANN_LID)),
        Envelope(HIDDEN, HIDDEN),
    ),
    "number with the LID": (
        Source(pn(ANN), pn(ANN), lid(ANN_LID)),
        Envelope(KNOWN, KNOWN),
    ),
    "number alone": (
        Source(pn(ANN), pn(ANN)),
        Envelope(NUMBERED, NUMBERED),
    ),
    "number of a linked device": (
        Source(pn(ANN), pn(ANN, 12), lid(ANN_LID, 12)),
        Envelope(KNOWN, KNOWN),
    ),
    "two numbers, of which the sender's own counts": (
        Source(pn(ANN), pn(ANN), pn(ME)),
        Envelope(NUMBERED, NUMBERED),
    ),
    "group by LID": (
        Source(group, lid(ANN_LID, 3), pn(ANN, 3), IsGroup=True),
        Envelope(GROUP, KNOWN),
    ),
    "group by number": (
        Source(group, pn(ANN), IsGroup=True),
        Envelope(GROUP, NUMBERED),
    ),
    "group by number with the LID": (
        Source(group, pn(ANN), lid(ANN_LID), IsGroup=True),
        Envelope(GROUP, KNOWN),
    ),
    "own phone by LID": (
        Source(lid(ANN_LID), lid(ME_LID), IsFromMe=True),
        Envelope(HIDDEN, Identity(lid=Lid(ME_LID)), from_me=True),
    ),
    "own phone by number": (
        Source(pn(ANN), pn(ME), lid(ME_LID), IsFromMe=True),
        Envelope(NUMBERED, MYSELF, from_me=True),
    ),
    "own phone with both addresses of the other side": (
        Source(lid(ANN_LID), lid(ME_LID), absent(), pn(ANN), IsFromMe=True),
        Envelope(KNOWN, Identity(lid=Lid(ME_LID)), from_me=True),
    ),
    "own phone in a group": (
        Source(group, lid(ME_LID), pn(ME), IsFromMe=True, IsGroup=True),
        Envelope(GROUP, MYSELF, from_me=True),
    ),
    "newsletter": (
        Source(channel, channel),
        Envelope(Newsletter(channel.User), None),
    ),
    "status, which comes as a group": (
        Source(status, pn(ANN), IsGroup=True),
        Envelope(Status(), NUMBERED),
    ),
    "broadcast list, which comes as a group": (
        Source(broadcast, pn(ANN), IsGroup=True),
        Envelope(Broadcast(broadcast.User), NUMBERED),
    ),
    "broadcast list without a sender": (
        Source(broadcast, absent(), IsGroup=True),
        Envelope(Broadcast(broadcast.User), None),
    ),
    "bot in its own chat": (
        Source(Jid("867051314767696", "bot"), Jid("867051314767696", "bot")),
        Envelope(Other("867051314767696", "bot"), None),
    ),
    "bot in a person's chat": (
        Source(pn(ANN), Jid("867051314767696", "bot")),
        Envelope(NUMBERED, None),
    ),
    "bot under a LID": (
        Source(lid(ANN_LID), lid(ANN_LID), pn("13135550002")),
        Envelope(Other(""), None),
    ),
    "bot with somebody's number": (
        Source(group, Jid("867051314767696", "bot"), pn(ANN), IsGroup=True),
        Envelope(GROUP, None),
    ),
    "own message to a bot": (
        Source(lid(ANN_LID), lid(ME_LID), absent(), pn("13135550002"), IsFromMe=True),
        Envelope(Other(""), Identity(lid=Lid(ME_LID)), from_me=True),
    ),
    "WhatsApp's announcements": (
        Source(pn("0"), pn("0")),
        Envelope(Other("0", "s.whatsapp.net"), None),
    ),
    "nothing at all": (
        Source(absent(), absent()),
        Envelope(Other(""), None),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_neonize_is_read(form: str) -> None:
    source, expected = FORMS[form]
    assert Envelope.of(source, {}) == expected


@pytest.mark.parametrize("form", FORMS)
def test_a_stored_number_fills_the_gap_of_a_form(form: str) -> None:
    source, expected = FORMS[form]
    chat = KNOWN if expected.chat == HIDDEN else expected.chat
    sender = KNOWN if expected.sender == HIDDEN else expected.sender
    assert Envelope.of(source, STORED) == replace(expected, chat=chat, sender=sender)


def test_what_only_the_caller_knows_is_handed_on() -> None:
    source, quiet = FORMS["LID alone"]
    assert not quiet.is_to_me
    mentioned = Envelope.of(source, {}, mentions_me=True)
    answered = Envelope.of(source, {}, replies_to_me=True)
    edited = Envelope.of(source, {}, about_admitted=True)
    assert mentioned == replace(quiet, mentions_me=True)
    assert answered == replace(quiet, replies_to_me=True)
    assert edited == replace(quiet, about_admitted=True)
    assert all(each.is_to_me for each in (mentioned, answered, edited))


devices = st.integers(0, 65535)
agents = st.integers(0, 255)


@given(devices, agents)
def test_neither_a_device_nor_an_agent_changes_who_it_is(device: int, agent: int) -> None:
    by_lid = Source(lid(ANN_LID), lid(ANN_LID, device, agent), pn(ANN, device, agent))
    by_number = Source(pn(ANN), pn(ANN, device, agent), lid(ANN_LID, device, agent))
    in_group = Source(group, lid(ANN_LID, device, agent), pn(ANN, device, agent))
    for source in (by_lid, by_number, in_group):
        assert Envelope.of(source, {}).sender == KNOWN


@given(
    st.sampled_from(["s.whatsapp.net", "c.us", "hosted"]).map(lambda server: Jid(ANN, server)),
    st.sampled_from(["lid", "hosted.lid"]).map(lambda server: Jid(ANN_LID, server)),
    devices,
    st.sampled_from([f"+{ANN}", f"{ANN}@s.whatsapp.net", f"{ANN_LID}@lid", "*"]),
)
def test_whichever_way_a_message_is_addressed_each_entry_of_the_sender_admits_it(
    number: Jid, hidden: Jid, device: int, entry: str
) -> None:
    number, hidden = replace(number, Device=device), replace(hidden, Device=device)
    allowed = policy(allow=[entry, GROUP], groups="allowlist")
    nobody = policy(allow=[GROUP], groups="allowlist")
    for sender, alt in ((hidden, number), (number, hidden), (hidden, absent())):
        for chat in (group, replace(sender, Device=0)):
            envelope = Envelope.of(Source(chat, sender, alt, IsGroup=chat is group), STORED)
            assert decide(allowed, envelope).reason is GateReason.LISTED
            assert decide(nobody, envelope).reason is GateReason.NOBODY_LISTED


def test_a_mention_names_the_account_by_any_of_its_addresses() -> None:
    assert mentions(MYSELF, ["1@lid", f"{ME_LID}@lid"])
    assert mentions(MYSELF, [f"{ME}:7@s.whatsapp.net"])
    assert not mentions(MYSELF, [])
    assert not mentions(MYSELF, [f"{ME}@lid", f"{ME_LID}@s.whatsapp.net", "", "no jid"])


def test_an_envelope_shows_nobody() -> None:
    shown = repr([envelope for _, envelope in FORMS.values()])
    assert not any(character.isdigit() for character in shown)
