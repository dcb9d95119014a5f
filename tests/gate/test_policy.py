"""What an operator may write, what is refused with which words, and that none of it is shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gate.cases import ANN, ANN_LID, BOB, GROUP, all_envelopes, all_policies, policy
from gate.strategies import entries, policies
from wa_supervisor.errors import ConfigError
from wa_supervisor.gate import (
    Entry,
    Envelope,
    GatePolicy,
    Group,
    Identity,
    Lid,
    Phone,
    Wildcard,
    decide,
    entry_text,
    parse,
    parse_entry,
)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (f"+{ANN}", Phone(ANN)),
        ("+49 151 1234-5678", Phone(ANN)),
        (f"  +{ANN}\n", Phone(ANN)),
        ("\u202a+49\u00a0151\u202f1234\u20115678\u202c", Phone(ANN)),  # out of an address book
        (f"\ufeff{ANN_LID}@lid\u200b", Lid(ANN_LID)),
        (f"{ANN}@s.whatsapp.net", Phone(ANN)),
        (f"{ANN}@c.us", Phone(ANN)),
        (f"{ANN}:12@s.whatsapp.net", Phone(ANN)),
        (f"{ANN_LID}@lid", Lid(ANN_LID)),
        (f"{ANN_LID}.1:3@lid", Lid(ANN_LID)),
        (f"{ANN_LID}@LID", Lid(ANN_LID)),
        (f"{ANN_LID}@hosted.lid", Lid(ANN_LID)),
        (GROUP.reveal(), GROUP),
        ("4915112345678-1511234567@g.us", Group("4915112345678-1511234567")),
        ("*", Wildcard.ANYONE),
        (" * ", Wildcard.ANYONE),
        ("*@g.us", Wildcard.ANY_GROUP),
        ("+1234567", Phone("1234567")),
        ("+123456789012345", Phone("123456789012345")),
    ],
)
def test_an_entry_carries_its_kind(text: str, entry: Entry) -> None:
    assert parse_entry(text) == entry


@pytest.mark.parametrize("text", [ANN, "49 151 1234-5678", "0049 151 12345678", "0", "٤٩١٥"])
def test_a_bare_number_is_an_error_that_says_what_to_write(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_entry(text)
    assert str(raised.value) == "a bare number may be a phone number or a LID"
    assert "+NUMBER" in raised.value.advice
    assert "NUMBER@lid" in raised.value.advice


@pytest.mark.parametrize(
    "text",
    [
        "+",
        "++4915112345678",
        "+0049 151 12345678",
        "+123456",
        "+1234567890123456",
        "+49 (0) 151 12345678",
        "+4915112345678:12",
        "+4915112345678@s.whatsapp.net",
        "+13135550002",
        "+٤٩١٥١١٢٣٤٥٦٧٨",
        "+4915112345678\n+4915112345679",
        "+49151\n12345678",
    ],
)
def test_what_begins_as_a_phone_number_must_be_one(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_entry(text)
    assert str(raised.value) == "this is no phone number of a person"
    assert "7 to 15 digits" in raised.value.advice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ann",
        "**",
        "*@lid",
        "*@s.whatsapp.net",
        "status@broadcast",
        "1700000000@broadcast",
        "120363144038483540@newsletter",
        "867051314767696@bot",
        "4915112345678@gmail.com",
        "4915112345678@",
        "@lid",
    ],
)
def test_what_names_no_person_and_no_group_is_an_error_that_lists_the_forms(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_entry(text)
    assert str(raised.value) == "this names no person and no group"
    for form in ("+NUMBER", "NUMBER@s.whatsapp.net", "NUMBER@lid", "GROUP@g.us", "*", "*@g.us"):
        assert form in raised.value.advice


@given(st.text())
def test_reading_an_entry_ends_in_an_entry_or_an_error_that_does_not_repeat_it(text: str) -> None:
    canary = "20620620"
    secret = f"{text}{canary}{text}"
    try:
        entry = parse_entry(secret)
    except ConfigError as raised:
        error = raised
    else:
        assert parse_entry(entry_text(entry)) == entry
        return
    assert canary not in error.advice
    assert error.__cause__ is error.__context__ is None


@given(entries)
def test_an_entry_is_read_back_from_its_text(entry: Entry) -> None:
    assert parse_entry(entry_text(entry)) == entry


def test_what_the_wire_calls_a_person_or_a_group_can_be_written_as_an_entry() -> None:
    for jid in ("1234567@s.whatsapp.net", "1@lid", "1@g.us", "1-1@g.us"):
        address = parse(jid)
        assert isinstance(address, Phone | Lid | Group)
        assert parse_entry(entry_text(address)) == address


@given(policies)
def test_what_a_policy_reveals_is_read_back_and_in_a_fixed_order(given_policy: GatePolicy) -> None:
    revealed = given_policy.reveal()
    assert revealed["allow"] == sorted(revealed["allow"])
    assert GatePolicy.model_validate(json.loads(json.dumps(revealed))) == given_policy


def test_what_is_not_set_is_closed() -> None:
    defaults = GatePolicy().reveal()
    assert defaults == {
        "allow": [],
        "direct": "allowlist",
        "groups": "off",
        "group_senders": "allowlist",
        "status": "off",
        "broadcasts": "off",
        "newsletters": "off",
        "own": "off",
    }
    assert GatePolicy.model_validate(defaults) == GatePolicy()


def test_a_wrong_entry_is_named_by_its_place_and_never_by_its_text() -> None:
    with pytest.raises(ValidationError) as raised:
        policy(allow=[f"+{ANN}", ANN])
    (error,) = raised.value.errors(include_url=False, include_context=False)
    assert error["loc"] == ("allow", 1)
    assert "write +NUMBER" in error["msg"]
    assert ANN not in str(raised.value)


def test_a_number_that_toml_read_as_a_number_is_a_bare_number() -> None:
    with pytest.raises(ValidationError, match="a bare number may be"):
        policy(allow=[int(ANN)])


@pytest.mark.parametrize(
    "settings",
    [
        {"allowed": ["*"]},
        {"allow": "*"},
        {"direct": "off"},
        {"groups": "open"},
        {"group_senders": "mention"},
        {"status": "open"},
        {"broadcasts": "open"},
        {"newsletters": "direct"},
        {"own": "open"},
    ],
)
def test_a_setting_nobody_knows_is_an_error(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy(**settings)


def test_a_policy_cannot_be_changed_in_place() -> None:
    given_policy = policy()
    with pytest.raises(ValidationError):
        setattr(given_policy, "direct", "open")  # noqa: B010 - mypy would not have it
    assert given_policy.allowing(Phone(ANN)) != given_policy == policy()


def test_an_entry_is_added_and_taken_off_again() -> None:
    one = policy().allowing(Phone(ANN))
    assert one == policy(allow=[f"+{ANN}"]) == one.allowing(Phone(ANN))
    assert one.denying(Phone(ANN)) == policy() == policy().denying(Phone(ANN))
    assert one.denying(Lid(ANN)) == one


def test_that_nobody_is_admitted_is_said_exactly_when_it_is_so() -> None:
    bob = Identity(phone=Phone(BOB))
    theirs = [each for each in all_envelopes() if not each.from_me] + [Envelope(bob, bob)]
    for given_policy in all_policies():
        admitted = any(decide(given_policy, envelope).admitted for envelope in theirs)
        assert given_policy.admits_nobody != admitted
    assert policy(allow=[GROUP], groups="allowlist").admits_nobody
    assert policy(own="chats", status="direct", broadcasts="direct").admits_nobody
    assert not policy(newsletters="open").admits_nobody


def test_no_address_of_a_policy_is_printed_by_accident() -> None:
    full = policy(allow=[f"+{ANN}", f"{ANN}@lid", f"{ANN}@g.us", "*"])
    shown = f"{full} {full!r} {full.model_dump()} {full.model_dump_json()} {full.allow}"
    assert ANN not in shown
    assert "<phone>" in shown


def test_a_gate_is_given_once_any_of_it_is_be_it_the_default() -> None:
    assert not GatePolicy().is_given
    assert GatePolicy(direct=GatePolicy().direct).is_given
