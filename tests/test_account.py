"""After a pairing nothing is handed out or sent before it is known whose the session is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from e2e.processes import until
from wa_supervisor.account import KEPT, Account
from wa_supervisor.gate import Identity, Lid, Phone
from wa_supervisor.lifecycle import facts
from wa_supervisor.messages.own import keep_own

if TYPE_CHECKING:
    from pathlib import Path

    from wa_supervisor.lifecycle import Step

ANN = Identity(Lid("111"), Phone("49151000001"))
RENUMBERED = Identity(Lid("111"), Phone("49151000002"))
EVE = Identity(Lid("222"), Phone("49151000003"))


class Linked:
    """A session, who it says it is, and what was set aside."""

    def __init__(self, directory: Path, before: Identity | None) -> None:
        if before is not None:
            keep_own(directory, before)
        self.says: Identity | None = None
        self.aside: list[int] = []
        self.account = Account(directory, self._ask)
        self.account.set_aside.append(self._set_aside)

    async def _ask(self) -> Identity | None:
        return self.says

    async def _set_aside(self, generation: int, target: Path) -> None:
        await asyncio.to_thread((target / "kept").touch)
        self.aside.append(generation)

    def hear(self, fact: facts.Fact) -> None:
        self.account.heard(cast("Step", SimpleNamespace(taken=True, fact=fact)))

    async def rest(self) -> None:
        await until(lambda: self.account.is_idle)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wa_supervisor.account._AGAIN", 0.01)


@pytest.mark.parametrize(("says", "aside"), [(ANN, []), (RENUMBERED, []), (EVE, [7])])
async def test_another_account_is_one_with_neither_lid_nor_number_in_common(
    tmp_path: Path, says: Identity, aside: list[int]
) -> None:
    linked = Linked(tmp_path, ANN)
    await linked.account.open()
    assert linked.account.is_settled
    linked.hear(facts.PairSucceeded(7))
    assert not linked.account.is_settled
    linked.hear(facts.Connected(8))
    await asyncio.sleep(0.05)
    assert not linked.account.is_settled
    linked.says = says
    await linked.rest()
    assert linked.account.is_settled
    assert (linked.aside, linked.account.changes) == (aside, len(aside))
    assert linked.account.own == says


async def test_a_pairing_whose_account_was_not_asked_is_known_after_a_restart(
    tmp_path: Path,
) -> None:
    linked = Linked(tmp_path, ANN)
    await linked.account.open()
    linked.hear(facts.PairSucceeded(7))
    await linked.rest()
    again = Linked(tmp_path, None)
    await again.account.open()
    assert not again.account.is_settled
    again.says = EVE
    again.hear(facts.Connected(9))
    await again.rest()
    assert again.aside == [7]
    third = Linked(tmp_path, None)
    await third.account.open()
    assert third.account.is_settled
    assert third.account.own == EVE


async def test_what_cannot_be_set_aside_is_handed_out_to_nobody(tmp_path: Path) -> None:
    linked = Linked(tmp_path, ANN)
    await linked.account.open()
    fails = True

    async def set_aside(_generation: int, _target: Path) -> None:
        if fails:
            raise OSError(28, "No space left on device")

    linked.account.set_aside.append(set_aside)
    linked.says = EVE
    linked.hear(facts.Connected(3))
    await asyncio.sleep(0.1)
    assert not linked.account.is_settled
    fails = False
    await linked.rest()
    assert linked.account.is_settled


async def test_only_the_newest_are_kept_apart(tmp_path: Path) -> None:
    linked = Linked(tmp_path, ANN)
    await linked.account.open()
    for number in range(KEPT + 2):
        linked.says = EVE if number % 2 == 0 else ANN
        linked.hear(facts.Connected(number))
        await linked.rest()
    assert linked.account.changes == KEPT + 2
    assert len([*(tmp_path / "other-accounts").iterdir()]) == KEPT
