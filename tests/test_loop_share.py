"""Many sessions that have something to do at once: no turn of the loop is theirs alone."""

from __future__ import annotations

import asyncio

from wa_supervisor.loop_share import AT_ONCE, next_turn


async def test_in_each_turn_of_the_loop_only_a_few_go_on_in_the_order_in_which_they_came() -> None:
    turn, went_on = 0, list[tuple[int, int]]()
    over = asyncio.Event()

    async def count_turns() -> None:
        nonlocal turn
        while not over.is_set():
            await asyncio.sleep(0)
            turn += 1

    async def work(number: int) -> None:
        await next_turn()
        went_on.append((turn, number))

    counting = asyncio.create_task(count_turns())
    await asyncio.gather(*(work(number) for number in range(100)))
    over.set()
    await counting
    assert [number for _, number in went_on] == list(range(100))
    turns = [at for at, _ in went_on]
    assert max(turns.count(each) for each in turns) <= 2 * AT_ONCE
    assert turns[-1] - turns[0] >= 100 / (2 * AT_ONCE) - 2


async def test_one_that_is_cancelled_while_it_waits_keeps_no_other_from_its_turn() -> None:
    tasks = [asyncio.create_task(next_turn()) for _ in range(5 * AT_ONCE)]
    await asyncio.sleep(0)
    for task in tasks[AT_ONCE : 3 * AT_ONCE]:
        task.cancel()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(each, asyncio.CancelledError) for each in ended) == 2 * AT_ONCE
