"""The queue of facts: bounded, the operator first, and never wrong about how things stand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from wa_supervisor.fact_queue import MOST_OF_A_KIND, FactQueue
from wa_supervisor.lifecycle import facts
from wa_supervisor.lifecycle.facts import Fact


def drained(queue: FactQueue) -> list[Fact]:
    return list(iter(queue.get_nowait, None))


def test_facts_come_out_as_they_went_in() -> None:
    queue = FactQueue()
    said: list[Fact] = [facts.Connected(1), facts.Disconnected(1), facts.Connected(1)]
    for fact in said:
        queue.put(fact)
    assert drained(queue) == said


@pytest.mark.parametrize("word", [facts.Stop(), facts.Resume(), facts.Restart(), facts.Relink()])
def test_an_operator_does_not_wait_behind_the_session_process(word: Fact) -> None:
    queue = FactQueue()
    for _ in range(1000):
        queue.put(facts.BotBusy(1, 31.0))
        queue.put(facts.QrOffered(1, SecretStr("x" * 350), 20.0))
    queue.put(word)
    assert queue.get_nowait() == word


def test_a_flood_of_one_kind_costs_no_room_and_no_other_fact(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = FactQueue()
    for number in range(100_000):
        queue.put(facts.BotBusy(1, float(number)))
    queue.put(facts.ChildExited(1, 0, None))
    assert len(queue) == MOST_OF_A_KIND + 1
    assert queue.dropped["BotBusy"] == 100_000 - MOST_OF_A_KIND
    assert caplog.text.count("BotBusy") == 1
    *busy, last = drained(queue)
    first = [facts.BotBusy(1, float(number)) for number in range(MOST_OF_A_KIND - 1)]
    assert busy == [*first, facts.BotBusy(1, 99_999.0)]
    assert last == facts.ChildExited(1, 0, None)


KINDS: dict[str, Callable[[int], Fact]] = {
    "busy": lambda generation: facts.BotBusy(generation, 31.0),
    "free": facts.BotFree,
    "up": facts.Connected,
    "down": facts.Disconnected,
}


@given(st.lists(st.sampled_from(["busy", "free", "up", "down"]), max_size=200))
def test_what_was_said_first_and_last_of_each_kind_is_kept_in_its_order(words: list[str]) -> None:
    made = [KINDS[word](number) for number, word in enumerate(words)]
    queue = FactQueue()
    for fact in made:
        queue.put(fact)
    left = drained(queue)
    assert left == sorted(left, key=made.index)
    for kind, same in itertools.groupby(sorted(made, key=str), key=type):
        before, after = list(same), [fact for fact in left if type(fact) is kind]
        ordered = sorted(before, key=made.index)
        assert after == (
            ordered
            if len(ordered) <= MOST_OF_A_KIND
            else [*ordered[: MOST_OF_A_KIND - 1], ordered[-1]]
        )


async def test_whoever_waits_hears_of_the_next_fact() -> None:
    queue = FactQueue()
    waiting = asyncio.create_task(queue.wait())
    await asyncio.sleep(0)
    queue.put(facts.Stop())
    await asyncio.wait_for(waiting, 5)
    assert queue.has_orders  # it stays there until it is taken
    assert queue.get_nowait() == facts.Stop()


async def test_a_wait_that_was_given_up_loses_nothing() -> None:
    queue = FactQueue()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await queue.wait()
    queue.put(facts.Stop())
    assert queue.get_nowait() == facts.Stop()
