"""The parts of what other programs do through a supervisor: answers that quote, the live gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.errors import Misused, StoreError
from wa_supervisor.gate import GatePolicy, Group, Identity, Lid, Phone
from wa_supervisor.gate_answers import GateQuestion
from wa_supervisor.live_gate import LiveGate
from wa_supervisor.messages import handed_out
from wa_supervisor.messages.admission import Admission
from wa_supervisor.messages.delivery import Delivery
from wa_supervisor.messages.handed_out import HandedOut
from wa_supervisor.messages.message import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from wa_supervisor.gate import Chat

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ANN = Identity(Lid("98"), Phone("4915100000001"))


async def _nothing() -> None:
    raise AssertionError("nothing is acknowledged")


def message(number: int, id_: str, chat: Chat = ANN, raw: bytes = b"x") -> Delivery:
    return Delivery(
        id=id_,
        chat=chat,
        sender=ANN,
        at=NOW,
        received_at=NOW,
        kind=Kind.TEXT,
        text="hello",
        raw=raw,
        number=number,
        redelivered=False,
        acknowledge=_nothing,
    )


def test_a_message_is_found_by_number_or_by_id_in_its_chat() -> None:
    kept = HandedOut()
    for each in (message(1, "A"), message(2, "B"), message(3, "B"), message(4, "A", Group("1203"))):
        kept.add(each)
    assert kept.find("1", Group("1203")).number == 1
    assert kept.find("A", Phone("4915100000001")).number == 1
    assert kept.find("A", Lid("98")).number == 1
    assert kept.find("A", Group("1203")).number == 4
    for name, chat in (("B", Lid("98")), ("A", Lid("99")), ("9", Lid("98")), ("C", Lid("98"))):
        with pytest.raises(Misused, match="no such message to answer"):
            kept.find(name, chat)


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed_out, "MOST", 3)
    monkeypatch.setattr(handed_out, "MOST_BYTES", 100)
    kept = HandedOut()

    def numbers() -> list[int]:
        return [n for n in range(1, 9) if n in kept._messages]

    for number in range(1, 5):
        kept.add(message(number, "A"))
    assert numbers() == [2, 3, 4]
    kept.add(message(4, "A", raw=b"x" * 60))  # again, after a reconnect
    assert numbers() == [2, 3, 4]
    kept.add(message(5, "A", raw=b"x" * 60))
    assert numbers() == [5]
    kept.add(message(6, "A", raw=b"x" * 200))
    assert numbers() == [6]


async def _phone_of(_: Lid) -> Phone:
    return Phone("4915100000001")


async def test_a_change_is_kept_before_it_holds_and_whoever_judges_hears_of_it(
    tmp_path: Path,
) -> None:
    admission = Admission(GatePolicy(), _phone_of)
    gate = LiveGate(tmp_path / "inbox", GatePolicy(), admission)
    await gate.open()
    assert not gate.policy.is_given
    heard: list[GatePolicy] = []
    gate.on_change = heard.append
    await gate.change(Phone("4915100000001"), allow=True)
    assert heard == [gate.policy] == [admission.policy]
    # The client knows the number of this LID.
    found = await gate.explain(GateQuestion.of("98@lid", None, None), None)
    assert found.admitted
    gate.use(GatePolicy(direct="open"))
    assert heard[-1].direct == "open"
    assert heard[-1].allow == {Phone("4915100000001")}

    again = LiveGate(tmp_path / "inbox", GatePolicy(), Admission(GatePolicy(), _phone_of))
    await again.open()
    assert again.policy.allow == {Phone("4915100000001")}
    assert "4915100000001" not in repr(again.standing()) + again.standing().model_dump_json()


async def test_a_change_that_cannot_be_kept_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("in the way")
    gate = LiveGate(tmp_path / "inbox", GatePolicy(), Admission(GatePolicy(), _phone_of))
    await gate.open()
    with pytest.raises(StoreError):
        await gate.change(Phone("4915100000001"), allow=True)
    assert not gate.policy.allow
