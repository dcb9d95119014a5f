from __future__ import annotations

from lab.faults import FAULTS, matrix, soak
from lab.faults.fault import Keys, Recovers, Stays
from wa_supervisor.lifecycle import Policy
from wa_supervisor.lifecycle.reasons import Reason
from wa_supervisor.session.shared.watch import Watch


def test_every_fault_is_found_by_its_name() -> None:
    assert len(FAULTS) >= 35
    assert all(name == fault.name and "/" in name for name, fault in FAULTS.items())


def test_every_group_is_there() -> None:
    groups = {fault.group for fault in FAULTS.values()}
    assert groups == {
        "stream",
        "login",
        "network",
        "pairing",
        "liveness",
        "client",
        "bot",
        "host",
        "slow",
    }


def test_every_number_is_one_of_the_settings() -> None:
    for fault in FAULTS.values():
        numbers = Policy().model_dump() | Watch().model_dump()
        for name in fault.policy:
            at = numbers
            for part in name.split("__"):
                assert part in at, f"{fault.name}: {name}"
                at = at[part]


def test_every_hold_has_a_reason_that_exists() -> None:
    reasons = {reason.value for reason in Reason}
    for fault in FAULTS.values():
        assert getattr(fault.promise, "reason", "replaced") in reasons


def test_a_soak_draws_only_what_ends_by_itself_with_the_keys_kept() -> None:
    drawn = [fault for fault in FAULTS.values() if fault.soak]
    assert len(drawn) >= 20
    for fault in drawn:
        assert isinstance(fault.promise, Recovers | Stays)
        assert fault.promise.keys is Keys.KEPT
        assert fault.bot is None


def test_a_seed_decides_a_schedule_and_every_session_has_its_own() -> None:
    def draw(seed: int, number: int) -> list[float]:
        chance = soak.schedule(seed, number)
        return [chance.random() for _ in range(5)]

    assert draw(7, 0) == draw(7, 0)
    assert draw(7, 0) != draw(7, 1)
    assert draw(7, 0) != draw(8, 0)


def test_the_list_fits_eighty_columns() -> None:
    assert max(map(len, matrix.catalogue(FAULTS.values()))) <= 80
