"""What the gate refuses reaches no program, and everything else does, once for each reader."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.gate import GatePolicy, GateReason, Group, Identity, Lid, Phone
from wa_supervisor.messages.admission import Admission
from wa_supervisor.messages.message import Kind, Message
from wa_supervisor.messages.own import keep_own, read_own

if TYPE_CHECKING:
    from pathlib import Path

ANN = Identity(Lid("111"), Phone("49151000001"))
HIDDEN = Identity(Lid("222"))
FAMILY = Group("120363000000000001")


def message(sender: Identity, *, chat: Identity | Group | None = None, text: str = "hi") -> Message:
    now = datetime.now(UTC)
    return Message(
        id="A1",
        chat=chat or sender,
        sender=sender,
        at=now,
        received_at=now,
        kind=Kind.TEXT,
        text=text,
    )


class Client:
    """Stands for the client, which knows the numbers of some LIDs."""

    def __init__(self, **phones: str) -> None:
        self.phones = phones
        self.asked: Counter[str] = Counter()

    async def phone_of(self, lid: Lid) -> Phone | None:
        self.asked[lid.user] += 1
        number = self.phones.get(f"lid{lid.user}")
        return None if number is None else Phone(number)


def policy(*allow: str, **settings: str) -> GatePolicy:
    return GatePolicy.model_validate({"allow": allow, **settings})


async def test_a_listed_sender_is_admitted_by_number_and_a_stranger_is_counted() -> None:
    admission = Admission(policy("+49151000001"), Client().phone_of)
    assert (await admission.judge(message(ANN))).admitted
    stranger = Identity(Lid("333"), Phone("49151999999"))
    assert (await admission.judge(message(stranger))).reason is GateReason.NOT_LISTED
    assert admission.rejections.by_reason() == {"not_listed": 1}


async def test_the_number_of_a_bare_lid_is_asked_of_the_client_once() -> None:
    client = Client(lid222="49151000002")
    admission = Admission(policy("+49151000002"), client.phone_of)
    for _ in range(3):
        assert (await admission.judge(message(HIDDEN))).admitted
    assert client.asked["222"] == 1


async def test_a_lid_that_nobody_knows_is_refused_and_asked_for_again_later() -> None:
    client, now = Client(), 0.0
    admission = Admission(policy("+49151000002"), client.phone_of, clock=lambda: now)
    for _ in range(3):
        verdict = await admission.judge(message(HIDDEN))
        assert verdict.reason is GateReason.UNRESOLVED_LID
    assert client.asked["222"] == 1
    client.phones["lid222"] = "49151000002"
    now = 301.0
    assert (await admission.judge(message(HIDDEN))).admitted
    assert "222@lid" in "\n".join(each.reveal() for each in admission.refused())


async def test_the_client_is_not_asked_where_no_number_is_on_the_list() -> None:
    client = Client(lid222="49151000002")
    admission = Admission(policy("222@lid"), client.phone_of)
    assert (await admission.judge(message(HIDDEN))).admitted
    assert not client.asked


async def test_a_policy_counts_from_the_next_message_on() -> None:
    admission = Admission(policy(), Client().phone_of)
    assert not (await admission.judge(message(ANN))).admitted
    admission.policy = policy("+49151000001")
    assert (await admission.judge(message(ANN))).admitted
    admission.policy = policy()
    assert not (await admission.judge(message(ANN))).admitted


async def test_that_nobody_is_allowed_is_said_once_and_names_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    admission = Admission(policy(), Client().phone_of)
    with caplog.at_level(logging.DEBUG, "wa_supervisor"):
        for _ in range(3):
            await admission.judge(message(ANN, text="a secret"))
    (record,) = caplog.records
    assert "gate.allow is empty" in record.getMessage()
    assert not {"49151000001", "111", "a secret"} & set(record.getMessage().split())


async def test_a_group_is_no_sender_whatever_is_on_the_list() -> None:
    admission = Admission(policy("120363000000000001@g.us"), Client().phone_of)
    verdict = await admission.judge(message(ANN, chat=FAMILY))
    assert verdict.reason is GateReason.GROUPS_OFF
    admission.policy = policy("120363000000000001@g.us", groups="allowlist")
    assert (await admission.judge(message(ANN, chat=FAMILY))).reason in {
        GateReason.NOBODY_LISTED,
        GateReason.NOT_LISTED,
    }


async def test_what_is_remembered_of_refusals_is_bounded() -> None:
    admission = Admission(policy("+49151000001"), Client().phone_of)
    await asyncio.gather(
        *(
            admission.judge(message(Identity(Lid(f"9{number:05}"), Phone(f"49160{number:06}"))))
            for number in range(100)
        )
    )
    assert len(admission.refused()) == 20
    assert admission.rejections.by_reason() == {"not_listed": 100}


def test_who_we_are_is_kept_privately(tmp_path: Path) -> None:
    assert read_own(tmp_path) is None
    keep_own(tmp_path, ANN)
    assert read_own(tmp_path) == ANN
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(b"\xff\xfe")
    assert read_own(tmp_path) is None


async def test_a_number_that_came_with_a_message_is_known_at_once_though_nobody_knew_it() -> None:
    client = Client()
    admission = Admission(policy("+49151000001"), client.phone_of)
    hidden = message(Identity(ANN.lid))
    assert (await admission.judge(hidden)).reason is GateReason.UNRESOLVED_LID
    assert (await admission.judge(message(ANN))).admitted
    assert (await admission.judge(hidden)).admitted
    assert client.asked["111"] == 1


@pytest.mark.parametrize(("edit_of", "revoke_of"), [("A1", None), (None, "A1")])
async def test_what_changes_a_message_that_was_let_through_is_let_through(
    edit_of: str | None, revoke_of: str | None
) -> None:
    admission = Admission(
        policy("+49151000001", FAMILY.reveal(), groups="mention"), Client().phone_of
    )
    said = replace(message(ANN, chat=FAMILY), mentions_me=True)
    change = replace(message(ANN, chat=FAMILY), id="A2", edit_of=edit_of, revoke_of=revoke_of)
    assert (await admission.judge(change)).reason is GateReason.NOT_MENTIONED
    assert (await admission.judge(said)).admitted
    assert (await admission.judge(change)).reason is GateReason.MENTIONED
    elsewhere = replace(change, chat=Group("120363000000000002"))
    admission.policy = policy("+49151000001", "*@g.us", groups="mention")
    assert (await admission.judge(elsewhere)).reason is GateReason.NOT_MENTIONED
