from __future__ import annotations

import asyncio

from wa_supervisor.session.parent.pace import Turns


async def test_so_many_take_a_turn_and_the_others_wait_in_order() -> None:
    turns, begun = Turns(2), list[int]()

    async def take(number: int) -> None:
        await turns.take()
        begun.append(number)

    tasks = [asyncio.create_task(take(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert begun == [0, 1]
    turns.give_back()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert begun == [0, 1, 2]
    for _ in range(2):
        turns.give_back()
    await asyncio.gather(*tasks)
    assert begun == [0, 1, 2, 3, 4]


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    turns = Turns(1)
    await turns.take()
    first, second = asyncio.create_task(turns.take()), asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    first.cancel()
    turns.give_back()
    await asyncio.wait_for(second, 5)


async def test_a_turn_that_comes_to_one_who_is_just_giving_up_goes_on_to_the_next() -> None:
    turns = Turns(1)
    await turns.take()
    first, second = asyncio.create_task(turns.take()), asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    turns.give_back()
    first.cancel()
    await asyncio.wait_for(second, 5)
    assert first.cancelled()
