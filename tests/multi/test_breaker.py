"""When many sessions fail alike, and when they do not."""

from __future__ import annotations

import pytest

from wa_supervisor.lifecycle import Reason
from wa_supervisor.multi.breaker import Breaker, BreakerLimits


def fail(breaker: Breaker, *names: str, cause: Reason, now: float = 0.0, of: int = 3) -> bool:
    opened = [breaker.note_failure(name, cause, now, of) for name in names]
    return any(opened)


def test_three_that_fail_for_one_reason_open_it() -> None:
    breaker = Breaker()
    assert not fail(breaker, "a", "b", cause=Reason.CONNECT_REFUSED)
    assert fail(breaker, "c", cause=Reason.CONNECT_REFUSED)
    assert (breaker.reason, breaker.failed) == (Reason.CONNECT_REFUSED, 3)


def test_one_session_that_fails_again_and_again_is_one() -> None:
    breaker = Breaker()
    assert not fail(breaker, *("a" * 50), cause=Reason.CONNECT_REFUSED)


def test_failures_for_several_reasons_are_several_troubles() -> None:
    breaker = Breaker()
    for name, cause in zip(
        "abc", (Reason.OUTDATED, Reason.DIAL_FAILED, Reason.LOGGED_OUT), strict=True
    ):
        assert not fail(breaker, name, cause=cause)


def test_failures_that_are_long_past_do_not_count() -> None:
    breaker = Breaker()
    fail(breaker, "a", "b", cause=Reason.DIAL_FAILED, now=0.0)
    assert not fail(breaker, "c", cause=Reason.DIAL_FAILED, now=61.0)


def test_of_a_hundred_twenty_must_fail() -> None:
    breaker = Breaker()
    names = [str(number) for number in range(20)]
    assert not fail(breaker, *names[:19], cause=Reason.OUTDATED, of=100)
    assert fail(breaker, names[19], cause=Reason.OUTDATED, of=100)


@pytest.mark.parametrize(
    "cause",
    [Reason.BOT_FAILED, Reason.STORAGE_FAILED, Reason.INBOX_FULL, Reason.PAIRING_EXPIRED],
)
def test_what_is_a_sessions_own_opens_nothing(cause: Reason) -> None:
    assert not fail(Breaker(), *"abcdef", cause=cause)


def test_the_pauses_between_tries_grow_to_their_longest() -> None:
    limits = BreakerLimits(first_pause=10.0, longest_pause=35.0)
    breaker = Breaker(limits)
    fail(breaker, *"abc", cause=Reason.OUTDATED, now=100.0)
    tries = [breaker.next_try]
    for _ in range(4):
        breaker.note_try(tries[-1])
        tries.append(breaker.next_try)
    assert [round(each - 100) for each in tries] == [10, 20, 40, 75, 110]


def test_the_first_that_comes_up_closes_it_and_old_failures_are_forgotten() -> None:
    breaker = Breaker()
    fail(breaker, *"abc", cause=Reason.OUTDATED)
    assert breaker.note_success()
    assert not breaker.is_open
    assert not breaker.note_success()
    assert not fail(breaker, "a", "b", cause=Reason.OUTDATED)


@pytest.mark.parametrize(
    ("cause", "closed"),
    [(Reason.CHILD_EXITED, True), (Reason.OUTDATED, True), (Reason.BANNED, False)],
)
def test_a_code_to_scan_is_proof_where_no_account_was_the_trouble(
    cause: Reason, closed: bool
) -> None:
    breaker = Breaker()
    assert not breaker.note_code()
    fail(breaker, *"abc", cause=cause)
    assert breaker.note_code() is closed
    assert breaker.is_open is not closed
