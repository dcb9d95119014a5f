"""The defects of zeroclaw's allowlist, as read in its `whatsapp_web.rs`, and what is done here."""

from __future__ import annotations

import pytest

from gate.cases import ANN, ANN_LID, BOB, GROUP, policy
from gate.wire import Source, pn
from wa_supervisor.gate import (
    Envelope,
    GateReason,
    Group,
    Identity,
    Lid,
    Newsletter,
    Phone,
    Status,
    Verdict,
    decide,
)

ANN_KNOWN = Identity(Lid(ANN_LID), Phone(ANN))
STRANGER = Identity(Lid("55555555555555"), Phone("5511987654321"))


def direct(person: Identity) -> Envelope:
    return Envelope(chat=person, sender=person)


def test_a_message_of_a_linked_device_is_its_owners() -> None:
    """zeroclaw took the device into the number, and dropped what allowed people wrote there."""
    source = Source(pn("1555123456"), pn("1555123456", device=12))
    allowed = policy(allow=["+1555123456"])
    assert decide(allowed, Envelope.of(source, {})).reason is GateReason.LISTED


def test_a_lid_with_the_digits_of_an_allowed_number_is_a_stranger() -> None:
    """It made `+digits` of whatever stood before the `@`, so this LID passed."""
    disguised = Identity(lid=Lid(ANN))
    allowed = policy(allow=[f"+{ANN}"])
    assert decide(allowed, direct(disguised)).reason is GateReason.UNRESOLVED_LID
    numbered = Identity(Lid(ANN), Phone(BOB))
    assert decide(allowed, direct(numbered)).reason is GateReason.NOT_LISTED


def test_a_number_with_the_digits_of_an_allowed_lid_is_a_stranger() -> None:
    disguised = Identity(phone=Phone(ANN_LID))
    assert not decide(policy(allow=[f"{ANN_LID}@lid"]), direct(disguised)).admitted


def test_a_group_with_the_digits_of_an_allowed_number_allows_nobody() -> None:
    allowed = policy(allow=[f"+{ANN}"], groups="allowlist", group_senders="open")
    written = Envelope(chat=Group(ANN), sender=STRANGER)
    assert decide(allowed, written).reason is GateReason.GROUP_NOT_LISTED


def test_a_status_update_is_not_a_message_of_a_group() -> None:
    """It ruled on `status@broadcast` as on a group, and an empty list was every group."""
    groups_on = policy(allow=["*", "*@g.us"], groups="allowlist", group_senders="open")
    update = Envelope(chat=Status(), sender=STRANGER)
    assert decide(groups_on, update).reason is GateReason.STATUS_OFF


def test_an_empty_list_of_groups_is_no_group() -> None:
    groups_on = policy(allow=[f"+{ANN}"], groups="allowlist")
    written = Envelope(chat=GROUP, sender=ANN_KNOWN)
    assert decide(groups_on, written).reason is GateReason.GROUP_NOT_LISTED


def test_a_newsletter_is_a_kind_of_its_own() -> None:
    all_people = policy(allow=["*", "*@g.us"], direct="open", groups="allowlist")
    post = Envelope(chat=Newsletter(ANN), sender=None)
    assert decide(all_people, post).reason is GateReason.NEWSLETTERS_OFF


def test_who_is_taken_off_the_list_is_refused_at_the_next_message() -> None:
    """That one it had right: the list is read anew for each message."""
    allowed = policy(allow=[f"+{ANN}"])
    assert decide(allowed, direct(ANN_KNOWN)).admitted
    assert not decide(allowed.denying(Phone(ANN)), direct(ANN_KNOWN)).admitted


@pytest.mark.parametrize("reason", GateReason)
def test_a_reason_says_what_happened_without_naming_anybody(reason: GateReason) -> None:
    shown = f"{Verdict(reason, Phone(ANN))} {reason.value} {reason.sentence}"
    assert not any(character.isdigit() for character in shown)
