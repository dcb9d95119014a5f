"""The lease, by a clock that the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wa_supervisor.fleet.lease import DEAD_AFTER, LASTS, Lease, Timing

gaps = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), max_size=20)


@given(gaps)
def test_a_worker_never_believes_in_its_lease_when_another_may_have_its_sessions(
    beats: list[tuple[float, float]],
) -> None:
    lease, now, seen = Lease(0.0), 0.0, 0.0
    for pause, trip in beats:
        now += pause
        if lease.holds(now):
            begun = now
            now += trip
            # Postgres may have written it at any time between; the earliest is the worst.
            if now - seen < DEAD_AFTER:
                lease.renew(begun, now)
                seen = begun
        assert not lease.holds(now) or now - seen < LASTS


def test_a_worker_that_was_frozen_does_not_renew_when_it_wakes() -> None:
    lease = Lease(0.0)
    assert lease.renew(1.0, 1.1)
    begun, woken = 2.0, 2.0 + DEAD_AFTER  # the answer waited for it all the time
    assert not lease.renew(begun, woken)
    assert not lease.holds(woken)
    assert not lease.renew(woken, woken + 0.1)


def test_an_answer_that_overtakes_another_does_not_shorten_the_lease() -> None:
    lease = Lease(0.0)
    assert lease.renew(3.0, 3.1)
    assert lease.renew(2.0, 3.2)
    assert lease.ends_at == 3.0 + LASTS


def test_a_worker_that_was_taken_for_dead_has_no_lease() -> None:
    lease = Lease(100.0, Timing(dead_after=1.0, margin=0.4))
    assert lease.holds(100.5)
    lease.lose()
    assert not lease.renew(100.5, 100.5)
