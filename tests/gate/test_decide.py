"""The gate: every small case against a second writing of the rules, and what must always hold."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate import reference
from gate.cases import ANN, ANN_LID, BOB, GROUP, SWITCHES, all_envelopes, all_policies, policy
from gate.strategies import entries, envelopes, groups, lids, people, phones, policies
from wa_supervisor.gate import (
    Allow,
    Broadcast,
    Entry,
    Envelope,
    GatePolicy,
    GateReason,
    Group,
    Identity,
    Lid,
    Newsletter,
    Other,
    Phone,
    Status,
    Switch,
    Verdict,
    Wildcard,
    decide,
    explain,
)

ANN_KNOWN = Identity(Lid(ANN_LID), Phone(ANN))
ANN_HIDDEN = Identity(lid=Lid(ANN_LID))
STRANGER = Identity(Lid("55555555555555"), Phone("5511987654321"))

TO_ME: list[dict[str, Any]] = [
    {"mentions_me": True},
    {"replies_to_me": True},
    {"about_admitted": True},
]


def direct(person: Identity) -> Envelope:
    return Envelope(chat=person, sender=person)


_SHARES = 6  # so that several workers have something of the longest test there is


@pytest.mark.parametrize("share", range(_SHARES))
def test_every_small_case_is_decided_as_the_rules_say(share: int) -> None:
    cases = [*all_envelopes()]
    for given_policy in islice(all_policies(), share, None, _SHARES):
        for envelope in cases:
            reason = decide(given_policy, envelope).reason
            expected = reference.verdict(given_policy, envelope)
            assert reason.value == expected, (given_policy, envelope)


def test_the_small_cases_know_every_reason() -> None:
    some = islice(all_policies(), 0, None, 97)
    seen = {decide(each, envelope).reason for each in some for envelope in all_envelopes()}
    assert seen == set(GateReason)


@given(policies, envelopes)
def test_any_case_is_decided_as_the_rules_say(given_policy: GatePolicy, envelope: Envelope) -> None:
    assert decide(given_policy, envelope).reason.value == reference.verdict(given_policy, envelope)


def test_each_kind_of_chat_is_switched_by_its_own_setting() -> None:
    closed = policy(allow=["*", "*@g.us"])
    kinds = {"groups": Group, "status": Status, "broadcasts": Broadcast, "newsletters": Newsletter}
    for setting, kind in kinds.items():
        for value in SWITCHES[setting][1:]:
            opened = closed.model_copy(update={setting: value})
            for envelope in all_envelopes():
                if decide(opened, envelope) != decide(closed, envelope):
                    assert isinstance(envelope.chat, kind)
            assert {type(e.chat) for e in all_envelopes() if decide(opened, e).admitted} == {
                Identity,
                kind,
            }


@given(policies, envelopes, entries)
def test_one_more_entry_never_refuses_what_was_admitted(
    given_policy: GatePolicy, envelope: Envelope, entry: Entry
) -> None:
    if decide(given_policy, envelope).admitted:
        assert decide(given_policy.allowing(entry), envelope).admitted


@given(policies, envelopes)
def test_what_admitted_is_the_senders_the_groups_or_a_wildcard_and_on_the_list(
    given_policy: GatePolicy, envelope: Envelope
) -> None:
    verdict = decide(given_policy, envelope)
    if verdict.matched is None:
        assert verdict.reason is not GateReason.LISTED
        return
    assert verdict.admitted
    assert verdict.matched in given_policy.allow
    whose = envelope.chat if envelope.from_me else envelope.sender
    mine: set[object] = {Wildcard.ANYONE, Wildcard.ANY_GROUP, envelope.chat}
    assert verdict.matched in mine | set(whose.addresses if isinstance(whose, Identity) else ())


@given(phones | lids, people, policies)
def test_an_entry_admits_nobody_who_does_not_have_that_very_address(
    entry: Phone | Lid, person: Identity, given_policy: GatePolicy
) -> None:
    only = given_policy.model_copy(update={"allow": frozenset([entry]), "direct": "allowlist"})
    assert decide(only, direct(person)).admitted == (entry in person.addresses)


@given(policies, groups, people, st.booleans())
def test_in_a_group_the_chat_never_counts_as_the_sender(
    given_policy: GatePolicy,
    group: Group,
    sender: Identity,
    mentions_me: bool,
) -> None:
    envelope = Envelope(chat=group, sender=sender, mentions_me=mentions_me)
    if given_policy.group_senders == "allowlist" and decide(given_policy, envelope).admitted:
        assert {Wildcard.ANYONE, *sender.addresses} & given_policy.allow


@given(policies, groups, people)
def test_being_allowed_in_a_group_allows_no_direct_message(
    given_policy: GatePolicy, group: Group, person: Identity
) -> None:
    more = given_policy.allowing(group)
    assert decide(more, direct(person)).admitted == decide(given_policy, direct(person)).admitted


@given(policies, envelopes, st.sampled_from(TO_ME))
def test_a_mention_is_as_good_as_an_answer_and_helps_nobody_who_is_not_allowed(
    given_policy: GatePolicy, envelope: Envelope, to_me: dict[str, Any]
) -> None:
    quiet = replace(envelope, mentions_me=False, replies_to_me=False, about_admitted=False)
    without = decide(given_policy, quiet)
    loud = decide(given_policy, replace(quiet, **to_me))
    if without.reason is GateReason.NOT_MENTIONED:
        assert loud.reason is GateReason.MENTIONED
    else:
        assert loud == without


def test_the_gate_is_not_told_whether_a_message_is_an_edit_a_reaction_late_or_replayed() -> None:
    """What it does not know it cannot treat differently."""
    assert {field.name for field in fields(Envelope)} == {
        "chat",
        "sender",
        "from_me",
        "mentions_me",
        "replies_to_me",
        "about_admitted",
    }


@pytest.mark.parametrize(
    "value",
    [
        direct(ANN_KNOWN),
        ANN_KNOWN,
        Phone(ANN),
        Lid(ANN),
        GROUP,
        Status(),
        Broadcast(ANN),
        Newsletter(ANN),
        Other(ANN),
        Verdict(GateReason.LISTED, Phone(ANN)),
        explain(policy(), direct(ANN_KNOWN)),
        Allow(Phone(ANN)),
        Switch("own", "chats"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_decided_on_and_what_was_decided_cannot_be_changed_in_place(value: Any) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)
    assert hash(value) == hash(replace(value))


def test_without_any_setting_nobody_is_admitted() -> None:
    assert not any(decide(GatePolicy(), envelope).admitted for envelope in all_envelopes())


def test_an_empty_list_is_nobody() -> None:
    assert decide(policy(), direct(ANN_KNOWN)).reason is GateReason.NOBODY_LISTED
    only_a_group = policy(allow=[GROUP])
    assert decide(only_a_group, direct(ANN_KNOWN)).reason is GateReason.NOBODY_LISTED


def test_a_sender_with_a_lid_only_is_unresolved_if_the_list_has_numbers() -> None:
    numbers = policy(allow=[f"+{ANN}"])
    assert decide(numbers, direct(ANN_HIDDEN)).reason is GateReason.UNRESOLVED_LID
    lids_only = policy(allow=["1@lid"])
    assert decide(lids_only, direct(ANN_HIDDEN)).reason is GateReason.NOT_LISTED
    assert decide(numbers, direct(STRANGER)).reason is GateReason.NOT_LISTED


def test_a_sender_is_admitted_as_soon_as_the_number_of_their_lid_is_known() -> None:
    numbers = policy(allow=[f"+{ANN}"])
    resolved = ANN_HIDDEN.resolve({Lid(ANN_LID): Phone(ANN)})
    assert decide(numbers, direct(resolved)) == Verdict(GateReason.LISTED, Phone(ANN))


def test_a_group_asks_for_the_group_and_the_sender_and_the_mention() -> None:
    asked = Envelope(chat=GROUP, sender=ANN_KNOWN, mentions_me=True)
    full = policy(allow=[GROUP, f"+{ANN}"], groups="mention")
    assert decide(full, asked) == Verdict(GateReason.MENTIONED, Phone(ANN))
    assert decide(full.denying(GROUP), asked).reason is GateReason.GROUP_NOT_LISTED
    assert decide(full.denying(Phone(ANN)), asked).reason is GateReason.NOBODY_LISTED
    assert decide(full, replace(asked, mentions_me=False)).reason is GateReason.NOT_MENTIONED
    assert decide(full, replace(asked, sender=STRANGER)).reason is GateReason.NOT_LISTED


def test_the_members_of_a_listed_group_may_all_write_if_that_is_set() -> None:
    open_group = policy(allow=[GROUP], groups="allowlist", group_senders="open")
    written = Envelope(chat=GROUP, sender=STRANGER)
    assert decide(open_group, written) == Verdict(GateReason.LISTED, GROUP)
    elsewhere = replace(written, chat=Group(BOB))
    assert decide(open_group, elsewhere).reason is GateReason.GROUP_NOT_LISTED
    assert decide(open_group, direct(STRANGER)).reason is GateReason.NOBODY_LISTED


def test_open_direct_messages_open_no_group() -> None:
    opened = policy(allow=[GROUP], direct="open", groups="allowlist")
    assert decide(opened, direct(STRANGER)).reason is GateReason.OPEN
    in_group = Envelope(chat=GROUP, sender=STRANGER)
    assert decide(opened, in_group).reason is GateReason.NOBODY_LISTED


def test_a_bot_is_refused_even_if_everything_is_open() -> None:
    everything = policy(
        allow=["*", "*@g.us"],
        direct="open",
        groups="allowlist",
        group_senders="open",
        status="direct",
        broadcasts="direct",
        newsletters="open",
        own="chats",
    )
    bot = Other("867051314767696", "bot")
    for chat in (bot, ANN_KNOWN, GROUP, Status()):
        assert decide(everything, Envelope(chat, None)).reason is GateReason.NOT_A_PERSON
    assert decide(everything, Envelope(bot, ANN_KNOWN)).reason is GateReason.NOT_A_PERSON


def test_an_own_message_is_judged_by_the_other_side_of_its_chat() -> None:
    me = Identity(Lid("44444444444444"), Phone("4940123456"))
    to_ann = Envelope(chat=ANN_KNOWN, sender=me, from_me=True)
    on = policy(allow=[f"+{ANN}"], own="chats")
    assert decide(on, to_ann) == Verdict(GateReason.OWN_CHAT, Phone(ANN))
    assert decide(on, replace(to_ann, chat=STRANGER)).reason is GateReason.OWN_MESSAGE
    listed_myself = policy(allow=["+4940123456"], own="chats")
    assert decide(listed_myself, to_ann).reason is GateReason.OWN_MESSAGE
    assert decide(policy(allow=[f"+{ANN}"]), to_ann).reason is GateReason.OWN_MESSAGE
