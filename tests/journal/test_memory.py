"""What is remembered, and what a later life makes of it, whatever the wall clock did."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import fields
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journal.rows import WALL
from wa_supervisor.clock import RealClock, Uptime
from wa_supervisor.journal import Memory, careful, recall, remember
from wa_supervisor.journal.elapsed import BELIEVED
from wa_supervisor.lifecycle import (
    Budget,
    Child,
    Clock,
    DeadKeysPlan,
    Phase,
    Policy,
    Reason,
    Session,
    Work,
)
from wa_supervisor.lifecycle.model import KEPT, fields_marked

POLICY = Policy()
MICRO = 1.01e-6
DAY = 86_400.0

FORGOTTEN = {f.name for f in fields(Session)} - set(fields_marked(KEPT))
"""What belongs to one life: the process, its clocks and what it showed."""

nows = st.floats(0, 1e7)
ages = st.floats(0, 40 * DAY)
waits = st.none() | st.floats(-40 * DAY, POLICY.ban_max)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Session, float]:
    now = draw(nows)

    def wait() -> float | None:
        left = draw(waits)
        return None if left is None else now + left

    spent = {
        budget: tuple(sorted(now - age for age in draw(st.lists(ages, max_size=5))))
        for budget in draw(st.sets(st.sampled_from(Budget)))
    }
    session = Session(
        phase=draw(st.sampled_from(Phase)),
        reason=draw(st.none() | st.sampled_from(Reason)),
        cause=draw(st.none() | st.sampled_from(Reason)),
        detail=draw(st.sampled_from(["", "connection refused"])),
        generation=draw(st.integers(0, 10**6)),
        child=draw(st.sampled_from(Child)),
        retries=draw(st.integers(0, 10**4)),
        strikes=draw(st.integers(0, 3)),
        dead_keys_plan=draw(st.none() | st.sampled_from(DeadKeysPlan)),
        dead_keys_reason=draw(st.none() | st.sampled_from(Reason)),
        given_up=draw(st.none() | st.sampled_from(Reason)),
        work=draw(st.sampled_from(Work)),
        not_before=wait(),
        ban_until=wait(),
        clocks=dict.fromkeys(draw(st.sets(st.sampled_from(Clock))), now + 1),
        spent=spent,
    )
    return session, now


def stored(memory: Memory) -> Memory:
    """The memory as it comes back from the disk."""
    return Memory.model_validate_json(memory.model_dump_json())


def left(until: float | None, now: float) -> float:
    return -math.inf if until is None else until - now


@given(sessions(), nows, st.floats(-4000 * DAY, 4000 * DAY))
def test_every_budget_and_wait_is_kept_across_a_restart_and_any_jump_of_the_clock(
    before: tuple[Session, float], later: float, jump: float
) -> None:
    session, now = before
    wall = WALL + timedelta(seconds=jump)
    jump = (wall - WALL).total_seconds()  # what a datetime can say of it
    again = recall(stored(remember(session, now, WALL)), later, wall, POLICY)

    silence = min(max(0.0, jump), BELIEVED)
    for name in ("not_before", "ban_until"):
        was, is_ = getattr(session, name), getattr(again, name)
        assert (was is None) == (is_ is None)
        if was is not None:
            assert left(is_, later) == pytest.approx(left(was, now) - silence, abs=MICRO)
            assert left(is_, later) <= POLICY.ban_max + MICRO
    aged = jump if 0 <= jump <= BELIEVED else 0.0
    assert again.spent.keys() == session.spent.keys()
    for budget, times in session.spent.items():
        expected = [moment - now - aged for moment in times]
        assert [t - later for t in again.spent[budget]] == pytest.approx(expected, abs=MICRO)
        assert budget is Budget.BANS or all(t <= later for t in again.spent[budget])

    revived = session.revived()
    for field in fields(Session):
        if field.name not in {"not_before", "ban_until", "spent"}:
            assert getattr(again, field.name) == getattr(revived, field.name), field.name


@given(sessions(), nows, st.floats(-4000 * DAY, 4000 * DAY))
def test_no_budget_has_more_room_after_a_jump_of_the_clock_than_time_can_have_made(
    before: tuple[Session, float], later: float, jump: float
) -> None:
    session, now = before
    wall = WALL + timedelta(seconds=jump)
    again = recall(stored(remember(session, now, WALL)), later, wall, POLICY)
    passed = jump if 0 <= jump <= BELIEVED else 0.0
    for budget, times in session.spent.items():
        limit = POLICY.limit(budget)
        honest = limit.fresh(times, now + passed + 2 * MICRO)
        assert len(limit.fresh(again.spent[budget], later)) >= len(honest)


@pytest.mark.parametrize("jump", [-400 * DAY, -60.0, 0.0, 2 * DAY, 400 * DAY])
def test_a_clock_that_was_set_ends_no_ban_and_refills_no_budget_while_the_machine_runs(
    jump: float,
) -> None:
    banned = Session(ban_until=DAY, not_before=DAY, spent={Budget.DIALS: (0.0,)})
    kept = stored(remember(banned, 0.0, WALL, uptime=Uptime("a", 5000.0)))
    wall = WALL + timedelta(seconds=jump)
    again = recall(kept, 100.0, wall, POLICY, uptime=Uptime("a", 5060.0))
    assert again.ban_until == again.not_before == 100.0 + DAY - 60.0
    assert again.spent[Budget.DIALS] == (100.0 - 60.0,)


@pytest.mark.parametrize("now", [None, Uptime("b", 9e6), Uptime("a", 4999.0)])
def test_after_a_restart_of_the_machine_the_clock_is_believed_for_thirty_days(
    now: Uptime | None,
) -> None:
    """Another run of it, one that cannot be told, or one set back to an earlier state."""
    banned = Session(ban_until=100 * DAY)
    kept = stored(remember(banned, 0.0, WALL, uptime=Uptime("a", 5000.0)))
    for passed, believed in ((60.0, 60.0), (29 * DAY, 29 * DAY), (4000 * DAY, BELIEVED)):
        wall = WALL + timedelta(seconds=passed)
        assert recall(kept, 0.0, wall, POLICY, uptime=now).ban_until == 100 * DAY - believed


@pytest.mark.skipif(sys.platform != "linux", reason="the uptime of Linux")
def test_the_uptime_of_this_machine_goes_on_and_keeps_its_name() -> None:
    first, second = RealClock().uptime(), RealClock().uptime()
    assert first is not None
    assert second is not None
    assert len(first.boot) == 36
    assert first.boot == second.boot
    assert 0 < first.seconds <= second.seconds


def test_a_ban_counts_from_its_end_across_a_restart_too() -> None:
    banned = Session(ban_until=40 * DAY, spent={Budget.BANS: (40 * DAY,)})
    again = recall(stored(remember(banned, 0.0, WALL)), 0.0, WALL + timedelta(days=1), POLICY)
    assert again.spent[Budget.BANS] == (39 * DAY,)


def test_every_field_of_a_session_is_either_remembered_or_known_to_be_forgotten() -> None:
    kept = json.loads(remember(Session(), 0.0, WALL).model_dump_json())["session"]
    assert kept.keys() | FORGOTTEN == {f.name for f in fields(Session)}
    assert not kept.keys() & FORGOTTEN


def test_a_wait_that_nobody_can_outlive_is_cut_to_the_longest_ban() -> None:
    session = Session(not_before=math.inf, ban_until=1e300)
    again = recall(stored(remember(session, 0.0, WALL)), 5.0, WALL, POLICY)
    assert again.not_before == again.ban_until == 5.0 + POLICY.ban_max


def test_a_budget_spent_in_the_future_is_taken_for_spent_now() -> None:
    session = Session(spent={Budget.DIALS: (50.0,)})
    assert recall(remember(session, 0.0, WALL), 7.0, WALL, POLICY).spent[Budget.DIALS] == (7.0,)


def test_what_was_given_up_stays_so_with_its_reason_even_if_it_was_stopped_since() -> None:
    for phase, reason in ((Phase.GAVE_UP, Reason.LOCKED), (Phase.STOPPED, Reason.STOPPED)):
        session = Session(phase=phase, reason=reason, given_up=Reason.LOCKED)
        again = recall(stored(remember(session, 0.0, WALL)), 0.0, WALL, POLICY)
        assert (again.phase, again.reason) == (Phase.GAVE_UP, Reason.LOCKED)


def test_the_last_stable_time_is_that_of_the_last_step_seen_to_be_stable() -> None:
    hour = timedelta(hours=1)
    fresh = Session(phase=Phase.ONLINE, clocks={Clock.STABLE: 60.0})
    first = remember(fresh, 0.0, WALL)
    assert first.last_stable is None
    stable = remember(Session(phase=Phase.ONLINE), 60.0, WALL + hour, last=first)
    assert stable.last_stable == WALL + hour
    lost = remember(Session(phase=Phase.BACKOFF), 70.0, WALL + 2 * hour, last=stable)
    assert lost.last_stable == WALL + hour


def test_the_last_pairing_is_that_of_the_last_phone_that_paired() -> None:
    paired = remember(Session(), 0.0, WALL, fact="PairSucceeded")
    assert paired.last_pairing == WALL
    later = remember(Session(), 9.0, WALL + timedelta(days=1), last=paired, fact="Connected")
    assert later.last_pairing == WALL


def test_a_detail_is_redacted_once_more() -> None:
    memory = remember(Session(detail="for 4915112345678@s.whatsapp.net"), 0.0, WALL)
    assert "4915112345678" not in memory.model_dump_json()


def test_a_memory_of_another_version_is_not_taken_for_one_of_ours() -> None:
    text = remember(Session(), 0.0, WALL).model_dump_json().replace('"version":2', '"version":3')
    with pytest.raises(ValidationError):
        Memory.model_validate_json(text)


def test_times_are_of_day_for_whoever_reads_it() -> None:
    memory = remember(Session(not_before=70.0), 10.0, WALL)
    assert memory.time(memory.session.not_before) == WALL + timedelta(seconds=60)
    assert memory.time(None) is None


def test_without_a_memory_the_first_dial_waits_as_long_as_any_retry() -> None:
    session = careful(100.0, POLICY)
    assert session.not_before == 100.0 + POLICY.backoff.cap
    assert session.reason is Reason.MEMORY_LOST
    assert session.phase is Phase.INIT


def test_without_a_memory_the_first_dial_keeps_to_the_dial_budget_too() -> None:
    hurried = Policy.model_validate({"backoff": {"cap": 0.5, "base": 0.1}})
    session = careful(0.0, hurried)
    assert session.not_before == hurried.dials.window / hurried.dials.count
