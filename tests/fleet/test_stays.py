"""What the server saw is judged rightly: an overlap is found, a gap is measured."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.fleet.stays import Span, Stay, busiest, logins, overlaps, takeovers, untouched

NOW = 100.0


def stay(began: float, ended: float | None, worker: str = "a", device: str = "d") -> Stay:
    return Stay(device, worker, began, ended)


def test_two_sockets_of_one_device_are_found_and_measured() -> None:
    (found,) = overlaps([stay(0, 12.5), stay(10, None, "b")], NOW)
    assert (found.older.worker, found.newer.worker, found.seconds) == ("a", "b", 2.5)


def test_a_socket_that_never_ended_overlaps_until_now() -> None:
    assert [each.seconds for each in overlaps([stay(0, None), stay(90, None, "b")], NOW)] == [10]


def test_one_that_outlives_two_others_overlaps_with_each() -> None:
    stays = [stay(0, 30), stay(10, 20, "b"), stay(20, None, "c")]
    assert [each.seconds for each in overlaps(stays, NOW)] == [10, 10]


def test_one_after_the_other_is_no_overlap_and_other_devices_are_others() -> None:
    assert overlaps([stay(0, 10), stay(10, None, "b"), stay(5, None, device="e")], NOW) == []


def test_only_what_a_frozen_worker_does_once_it_is_awake_counts() -> None:
    stays = [stay(0, 32), stay(20, None, "b")]
    assert overlaps(stays, NOW, {"a": [Span(5, 40)]}) == []
    (woken,) = overlaps(stays, NOW, {"a": [Span(5, 30)]})
    assert woken.seconds == 2
    (other,) = overlaps(stays, NOW, {"c": [Span(5, 40)]})
    assert other.seconds == 12


def test_two_frozen_workers_excuse_no_time_twice() -> None:
    stays = [stay(0, 40), stay(20, None, "b")]
    (found,) = overlaps(stays, NOW, {"a": [Span(20, 30)], "b": [Span(25, 35), Span(28, 29)]})
    assert found.seconds == 5


def test_a_takeover_is_measured_from_the_last_sign_of_the_old_socket() -> None:
    stays = [stay(0, 56), stay(60, None, "b"), stay(0, None, device="e")]
    (found,) = takeovers(stays, fault=50)
    assert (found.before, found.after, found.gap, found.since_fault) == ("a", "b", 4, 10)
    assert untouched(stays, fault=50) == {"e"}


def test_a_socket_that_was_gone_before_the_fault_is_not_taken_over() -> None:
    assert takeovers([stay(0, 49), stay(60, None, "b")], fault=50) == []


def test_a_storm_of_logins_is_seen() -> None:
    stays = [stay(at, at + 0.5, device="d") for at in (1, 20, 20.2, 20.4, 40)]
    assert logins(stays, since=10) == {"d": 4}
    assert busiest([each.began for each in stays], window=1) == 3
    assert busiest([], window=1) == 0


TIMES = st.floats(0, NOW, allow_nan=False)


@given(
    spans=st.lists(st.tuples(TIMES, TIMES).map(sorted), min_size=1, max_size=6),
    frozen=st.lists(st.tuples(TIMES, TIMES).map(sorted), max_size=3),
)
def test_overlap_is_what_counting_moments_says(
    spans: list[list[float]], frozen: list[list[float]]
) -> None:
    stays = [stay(begins, ends, f"w{i}") for i, (begins, ends) in enumerate(spans)]
    asleep = {"w0": [Span(*each) for each in frozen]}
    edges = sorted({0.0, NOW, *(x for each in (*spans, *frozen) for x in each)})
    expected = 0.0
    for begins, ends in itertools.pairwise(edges):
        middle = (begins + ends) / 2
        live = [each for each in stays if each.began < middle < (each.ended or NOW)]
        still = [each for each in live if each.worker == "w0"]
        if still and any(span.begins < middle < span.ends for span in asleep["w0"]):
            live.remove(still[0])
        expected += (ends - begins) * len(live) * (len(live) - 1) / 2
    measured = sum(each.seconds for each in overlaps(stays, NOW, asleep))
    assert measured == pytest.approx(expected, abs=1e-6)
