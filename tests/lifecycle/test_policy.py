"""The arithmetic of waiting."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from wa_supervisor.lifecycle import PROFILES, Backoff, Limit, Policy

SAMPLES = st.floats(0, 1, exclude_max=True)
POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


def test_the_zeroclaw_figures() -> None:
    zeroclaw = PROFILES["zeroclaw"]
    waits = [zeroclaw.delay(n, 0.999) for n in range(1, 11)]
    assert waits == [3, 6, 12, 24, 48, 96, 192, 300, 300, 300]
    assert (zeroclaw.max_retries, zeroclaw.stable_after) == (10, 0)


def test_the_wa_web_figures() -> None:
    web = PROFILES["wa-web"]
    waits = [web.delay(n, 0.5) for n in range(1, 16)]
    assert waits == pytest.approx([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610])
    assert web.delay(5, 0.0) == pytest.approx(4.5)
    assert web.delay(5, 0.999999) == pytest.approx(5.5)
    assert (web.cap, web.max_retries, web.stable_after) == (900, None, 60)
    assert Policy().backoff == web


def test_the_jitter_is_even_at_the_cap_too() -> None:
    web = PROFILES["wa-web"]
    waits = {web.delay(30, n / 100) for n in range(100)}
    assert len(waits) == 100
    assert min(waits) == 810
    assert max(waits) < 900


@given(
    shape=st.sampled_from(["exponential", "fibonacci"]),
    base=POSITIVE,
    cap=POSITIVE,
    jitter=st.floats(0, 1, exclude_max=True),
    attempt=st.integers(1, 10**9),
    sample=SAMPLES,
)
def test_no_delay_exceeds_its_cap_or_overflows(  # noqa: PLR0913, PLR0917
    shape: str, base: float, cap: float, jitter: float, attempt: int, sample: float
) -> None:
    backoff = Backoff.model_validate({"shape": shape, "base": base, "cap": cap, "jitter": jitter})
    wait = backoff.delay(attempt, sample)
    assert math.isfinite(wait)
    assert 0 <= wait <= cap


@given(sample=SAMPLES, attempt=st.integers(-5, 0))
def test_no_retry_is_no_wait(sample: float, attempt: int) -> None:
    assert PROFILES["wa-web"].delay(attempt, sample) == 0


@given(sample=SAMPLES, attempt=st.integers(1, 10**9))
def test_delays_grow(sample: float, attempt: int) -> None:
    web = PROFILES["wa-web"]
    assert web.delay(attempt, sample) <= web.delay(attempt + 1, sample)


@given(windows=st.integers(-1, 10**9))
def test_pairing_pauses_are_bounded(windows: int) -> None:
    assert 30 <= Policy().pairing_delay(windows) <= 3600


@given(expires_in=st.none() | st.floats(), sample=SAMPLES)
def test_a_ban_ends_some_day_whatever_was_said(expires_in: float | None, sample: float) -> None:
    policy = Policy()
    assert 0 < policy.ban_delay(expires_in, sample) <= policy.ban_max + policy.ban_margin


def test_a_stated_expiry_up_to_the_maximum_is_believed() -> None:
    policy = Policy()
    assert policy.ban_delay(policy.ban_max, 0.0) == policy.ban_max
    assert policy.ban_delay(policy.ban_max + 1, 0.0) == policy.ban_max
    assert policy.ban_delay(100.0, 0.5) == 130.0


def test_a_limit_counts_what_is_within_its_window() -> None:
    limit = Limit(count=2, window=60)
    assert limit.fresh((1.0, 40.0, 61.0), 61.0) == (40.0, 61.0)
    assert limit.spent((1.0, 40.0), 60.9)
    assert not limit.spent((1.0, 40.0), 61.0)
    assert limit.room_at((1.0, 40.0), 50.0) == 61.0
    assert limit.room_at((1.0, 2.0, 40.0), 50.0) == 62.0
    assert limit.room_at((1.0,), 50.0) == 50.0
    assert Limit(count=0, window=60).room_at((), 50.0) == math.inf


def test_a_budget_of_no_dials_at_all_is_refused() -> None:
    with pytest.raises(ValidationError, match="count must be at least 1"):
        Policy.model_validate({"dials": {"count": 0, "window": 60}})
    assert Policy.model_validate({"bans": {"count": 0, "window": 60}}).bans.count == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"backoff": {"base": 0}},
        {"backoff": {"jitter": 1}},
        {"backoff": {"cap": float("inf")}},
        {"backoff": {"max_retries": -1}},
        {"start_timeout": 0},
        {"no_such_number": 1},
    ],
)
def test_a_wrong_number_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)
