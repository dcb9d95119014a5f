"""Addresses: what WhatsApp writes, what it means, and that none is printed by accident."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_supervisor.gate import (
    Address,
    Broadcast,
    Group,
    Identity,
    Lid,
    Newsletter,
    Other,
    Phone,
    Status,
    address,
    from_wire,
    parse,
)

DIGITS = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True).filter(
    lambda digits: not digits.startswith("131")  # where Meta's bots are
)
AGENTS = st.sampled_from(["", ".0", ".1", ".128", ".255"])
DEVICES = st.sampled_from(["", ":0", ":12", ":99", ":65535"])

CANARY = "4915112345678"
PHONE, LID = Phone(CANARY), Lid("98765432109876")


@pytest.mark.parametrize(
    ("jid", "expected"),
    [
        ("4915112345678@s.whatsapp.net", Phone("4915112345678")),
        ("4915112345678@c.us", Phone("4915112345678")),
        ("4915112345678@hosted", Phone("4915112345678")),
        ("4915112345678@lid", Lid("4915112345678")),
        ("4915112345678@hosted.lid", Lid("4915112345678")),
        ("120363025246125486@g.us", Group("120363025246125486")),
        ("4915112345678-1511234567@g.us", Group("4915112345678-1511234567")),
        ("120363144038483540@newsletter", Newsletter("120363144038483540")),
        ("1700000000@broadcast", Broadcast("1700000000")),
        ("status@broadcast", Status()),
        ("13135550002@lid", Lid("13135550002")),  # a bot's number, but not as a number
    ],
)
def test_each_server_has_its_kind(jid: str, expected: Address) -> None:
    assert parse(jid) == expected


@pytest.mark.parametrize(
    "jid",
    [
        "0@s.whatsapp.net",  # WhatsApp's own announcements
        "13135550002@s.whatsapp.net",  # Meta AI
        "13165550017@s.whatsapp.net",
        "867051314767696@bot",
        "4915112345678@msgr",
        "4915112345678@interop",
        "4915112345678@s.whatsapp.net.example.org",
        "4915112345678@example.org",
        "4915112345678@LID",
        "+4915112345678@s.whatsapp.net",
        "٤٩١٥١١٢٣٤٥٦٧٨@s.whatsapp.net",
        "4915112345678@s.whatsapp.net\n",
        "4915112345678@lid@s.whatsapp.net",
        "4915112345678_1@s.whatsapp.net",
        "4915112345678.1.2@s.whatsapp.net",
        "4915112345678:1:2@s.whatsapp.net",
        "4915112345678:x@s.whatsapp.net",
        "4915112345678-1@lid",
        "4915112345678.1234@s.whatsapp.net",
        "4915112345678:123456@s.whatsapp.net",
        "098765432109876@lid",
        "0120363025246125486@g.us",
        "4915112345678-@g.us",
        "-1@g.us",
        "status@g.us",
        "status@s.whatsapp.net",
        "@s.whatsapp.net",
        "s.whatsapp.net",
        "4915112345678",
        "",
    ],
)
def test_what_is_no_person_group_or_channel_is_other(jid: str) -> None:
    assert isinstance(parse(jid), Other)


@given(DIGITS, AGENTS, DEVICES)
def test_agent_and_device_are_cut_off(user: str, agent: str, device: str) -> None:
    assert parse(f"{user}{agent}{device}@s.whatsapp.net") == Phone(user)
    assert parse(f"{user}{agent}{device}@hosted") == Phone(user)
    assert parse(f"{user}{agent}{device}@lid") == Lid(user)


@given(DIGITS)
def test_the_same_digits_of_two_kinds_are_never_equal(user: str) -> None:
    kinds: list[Address] = [Phone(user), Lid(user), Group(user), Newsletter(user), Broadcast(user)]
    assert len(set(kinds)) == len(kinds)
    assert all(one is two or one != two for one in kinds for two in kinds)


@given(st.text(), st.text())
def test_reading_an_address_never_fails(user: str, server: str) -> None:
    address(user, server)
    parse(f"{user}@{server}")
    parse(user)


@given(DIGITS, st.sampled_from([Phone, Lid, Group, Newsletter, Broadcast]))
def test_what_is_revealed_is_read_back(user: str, kind: type[Address]) -> None:
    assert parse(kind(user).reveal()) == kind(user)
    assert parse(Status().reveal()) == Status()


def test_what_was_not_understood_is_revealed_as_it_was_written() -> None:
    for jid in ("867051314767696@bot", "0@s.whatsapp.net", "1@2@lid", "no jid", ""):
        assert parse(jid).reveal() == jid


@dataclass
class WireJid:
    User: str = ""
    Server: str = ""
    IsEmpty: bool = False


def test_an_absent_jid_of_neonize_is_an_empty_one() -> None:
    assert from_wire(WireJid(IsEmpty=True)) is None
    assert from_wire(WireJid(CANARY, "lid")) == Lid(CANARY)


def test_an_identity_is_never_empty() -> None:
    with pytest.raises(ValueError, match="nobody is None"):
        Identity()


def test_an_identity_is_made_of_the_addresses_of_one_sender() -> None:
    assert Identity.of(LID, PHONE) == Identity.of(PHONE, LID) == Identity(LID, PHONE)
    assert Identity.of(LID, None) == Identity(lid=LID)
    assert Identity.of(PHONE) == Identity(phone=PHONE)
    assert (
        Identity.of(None) is Identity.of() is Identity.of(Group("1"), Other("2"), Status()) is None
    )


def test_a_bot_is_nobody_whatever_else_it_is_called() -> None:
    bot = parse("13135550002@s.whatsapp.net")
    assert (
        Identity.of(LID, bot) is Identity.of(bot, PHONE) is Identity.of(PHONE, Group("1")) is None
    )


def test_of_two_addresses_of_one_kind_the_senders_own_counts() -> None:
    assert Identity.of(PHONE, Phone("1"), Lid("2"), LID) == Identity(Lid("2"), PHONE)


def test_an_identity_includes_its_addresses_and_no_address_of_another_kind() -> None:
    both = Identity(LID, PHONE)
    assert both.includes(LID)
    assert both.includes(PHONE)
    assert not both.includes(Lid(PHONE.user))
    assert not both.includes(Phone(LID.user))
    assert not both.includes(Group(PHONE.user))
    assert not Identity(lid=LID).includes(None)


def test_a_stored_number_fills_a_gap_and_overrules_nothing() -> None:
    stored = {LID: PHONE}
    assert Identity(lid=LID).resolve(stored) == Identity(LID, PHONE)
    assert Identity(lid=Lid("1")).resolve(stored) == Identity(lid=Lid("1"))
    assert Identity(LID, Phone("1")).resolve(stored) == Identity(LID, Phone("1"))
    assert Identity(phone=Phone("1")).resolve(stored) == Identity(phone=Phone("1"))


@pytest.mark.parametrize(
    "secret",
    [
        PHONE,
        Lid(CANARY),
        Group(CANARY),
        Newsletter(CANARY),
        Broadcast(CANARY),
        parse(f"{CANARY}@bot"),
        parse(CANARY),
        Identity(phone=PHONE),
        Identity(Lid(CANARY), PHONE),
        [Identity(Lid(CANARY))],
    ],
)
def test_no_address_is_printed_by_accident(secret: object) -> None:
    shown = f"{secret} {secret!r} {[secret]} {secret!s:>40} {secret!a}"
    assert CANARY not in shown
    with pytest.raises(TypeError) as raised:
        json.dumps(secret)
    assert CANARY not in str(raised.value)


def test_the_kind_is_shown_so_that_a_repr_is_of_use() -> None:
    assert repr(Identity(lid=LID)) == "Identity(lid=<lid>, phone=None)"
    assert repr(Identity(LID, PHONE)) == "Identity(lid=<lid>, phone=<phone>)"
    assert repr(Status()) == "<status>"


def test_addresses_and_identities_can_be_sent_between_processes() -> None:
    for each in (Identity(LID, PHONE), Group("1"), Status(), Other("1", "bot")):
        assert pickle.loads(pickle.dumps(each)) == each
