"""What the operator is told of a refusal, and that it helps."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from gate.cases import ANN, ANN_LID, GROUP, policy
from gate.strategies import envelopes, policies
from wa_supervisor.gate import (
    Allow,
    Broadcast,
    Envelope,
    Explanation,
    GatePolicy,
    GateReason,
    Identity,
    Lid,
    Newsletter,
    Phone,
    Rejections,
    Status,
    Switch,
    Verdict,
    decide,
    explain,
    parse_entry,
)

KNOWN = Identity(Lid(ANN_LID), Phone(ANN))
HIDDEN = Identity(lid=Lid(ANN_LID))


def direct(person: Identity) -> Envelope:
    return Envelope(chat=person, sender=person)


@given(policies, envelopes)
@example(policy(own="chats"), Envelope(KNOWN, KNOWN, from_me=True))
def test_the_remedies_together_admit_and_none_of_them_is_idle(
    given_policy: GatePolicy, envelope: Envelope
) -> None:
    explained = explain(given_policy, envelope)
    assert explained.verdict == decide(given_policy, envelope)
    if explained.verdict.admitted:
        assert explained.remedies == ()
        return
    reason = explained.verdict.reason
    hopeless = {GateReason.NOT_A_PERSON, GateReason.OWN_MESSAGE}
    assert explained.remedies or reason in hopeless
    for skipped in (None, *explained.remedies):
        mended = given_policy
        for remedy in explained.remedies:
            mended = mended if remedy is skipped else remedy.apply(mended)
        if explained.remedies:
            assert decide(mended, envelope).admitted == (skipped is None)


@pytest.mark.parametrize(
    ("given_policy", "envelope", "lines"),
    [
        (policy(), direct(KNOWN), [f'add "+{ANN}" to gate.allow']),
        (policy(), direct(HIDDEN), [f'add "{ANN_LID}@lid" to gate.allow']),
        (
            policy(allow=[f"+{ANN}"]),
            direct(HIDDEN),
            [f'add "{ANN_LID}@lid" to gate.allow'],
        ),
        (policy(allow=["1@lid"]), direct(KNOWN), [f'add "+{ANN}" to gate.allow']),
        (
            policy(),
            Envelope(GROUP, KNOWN, mentions_me=True),
            [
                'set gate.groups = "mention"',
                f'add "{GROUP.reveal()}" to gate.allow',
                f'add "+{ANN}" to gate.allow',
            ],
        ),
        (
            policy(allow=["*", GROUP]),
            Envelope(GROUP, KNOWN),
            ['set gate.groups = "allowlist"'],
        ),
        (
            policy(allow=["*", GROUP], groups="mention"),
            Envelope(GROUP, KNOWN),
            ['set gate.groups = "allowlist"'],
        ),
        (policy(allow=["*"]), Envelope(Status(), KNOWN), ['set gate.status = "direct"']),
        (policy(allow=["*"]), Envelope(Broadcast("1"), KNOWN), ['set gate.broadcasts = "direct"']),
        (policy(), Envelope(Newsletter("1"), None), ['set gate.newsletters = "open"']),
        (
            policy(allow=["*"]),
            Envelope(KNOWN, HIDDEN, from_me=True),
            ['set gate.own = "chats"'],
        ),
        (policy(), Envelope(KNOWN, HIDDEN, from_me=True), []),
        (policy(own="chats"), Envelope(KNOWN, HIDDEN, from_me=True), []),
        (policy(), Envelope(KNOWN, None), []),
    ],
)
def test_a_refusal_comes_with_exactly_what_would_admit(
    given_policy: GatePolicy, envelope: Envelope, lines: list[str]
) -> None:
    explained = explain(given_policy, envelope)
    assert [remedy.reveal() for remedy in explained.remedies] == lines


@given(policies, envelopes)
def test_what_a_remedy_says_can_be_written_as_it_is(
    given_policy: GatePolicy, envelope: Envelope
) -> None:
    for remedy in explain(given_policy, envelope).remedies:
        match remedy:
            case Allow():
                _, entry, _ = remedy.reveal().split('"')
                assert parse_entry(entry) == remedy.entry
            case Switch():
                GatePolicy.model_validate({remedy.setting: remedy.value})
                assert remedy.reveal() == f'set gate.{remedy.setting} = "{remedy.value}"'


def test_an_operator_reads_what_is_done_why_and_what_would_help() -> None:
    assert explain(policy(allow=["+4930123456"]), direct(HIDDEN)).reveal() == (
        "refused: Only the sender's LID is known, so it cannot be compared with the numbers you "
        "allow.\n"
        "This would admit it:\n"
        f'  add "{ANN_LID}@lid" to gate.allow'
    )
    assert explain(policy(allow=["*"]), direct(HIDDEN)).reveal() == (
        "admitted: The allowlist names the sender, or the group if all members may write. "
        "The entry is *."
    )
    assert explain(policy(), Envelope(KNOWN, None)).reveal() == (
        "refused: It is from a bot, from WhatsApp itself or of an unknown kind; nothing admits "
        "these."
    )


def test_no_address_of_an_explanation_is_printed_by_accident() -> None:
    explained = explain(policy(), Envelope(GROUP, KNOWN))
    assert explained.remedies
    assert not any(character.isdigit() for character in f"{explained} {explained!r}")


def test_refusals_are_counted_by_reason_in_the_order_of_the_table() -> None:
    refusals = Rejections()
    assert refusals.by_reason() == {}
    for reason in (GateReason.UNRESOLVED_LID, GateReason.GROUPS_OFF, GateReason.UNRESOLVED_LID):
        refusals.add(Verdict(reason))
    refusals.add(Verdict(GateReason.LISTED, Phone(ANN)))
    assert [*refusals.by_reason().items()] == [("groups_off", 1), ("unresolved_lid", 2)]
    assert repr(refusals) == "Rejections({'groups_off': 1, 'unresolved_lid': 2})"


def test_an_explanation_of_an_admitted_message_needs_no_remedies() -> None:
    assert Explanation(Verdict(GateReason.OPEN)).reveal() == (
        "admitted: Direct messages are open to everyone."
    )
