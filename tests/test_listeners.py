"""Hooks: whoever listens may raise, hang or be a coroutine; the others and the caller go on."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from wa_supervisor.listeners import MOST_WAITING, Listeners


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def fail(_: int) -> None:
    raise LookupError("no such pager")


def cancelled(_: int) -> None:
    asyncio.get_running_loop().create_future().cancel()
    raise asyncio.CancelledError


async def fail_later(_: int) -> None:
    await asyncio.sleep(0)
    raise LookupError("no such pager")


@pytest.mark.parametrize(
    "broken", [fail, cancelled, fail_later, lambda number: fail_later(number + 1)]
)
async def test_one_that_raises_is_reported_and_the_others_hear(
    broken: Callable[[int], object], caplog: pytest.LogCaptureFixture
) -> None:
    listeners = Listeners[int]("step")
    heard: list[int] = []
    for each in (broken, heard.append):
        listeners.add(each)
    for number in range(3):
        listeners.call(number)
    await settled()
    await listeners.aclose(1)
    assert heard == [0, 1, 2]
    assert caplog.text.count("which listens to steps, raised an exception") == 1
    assert broken is cancelled or "no such pager" in caplog.text


async def test_one_that_always_raises_does_not_drown_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners = Listeners[int]("step")
    listeners.add(fail)
    for number in range(10_000):
        listeners.call(number)
    assert len(caplog.records) == 5
    assert "has raised 10000 exceptions" in caplog.text


class Pager:
    def __init__(self) -> None:
        self.heard: list[int] = []

    async def page(self, number: int) -> None:
        await asyncio.sleep(0)
        self.heard.append(number)

    async def __call__(self, number: int) -> None:
        await self.page(number)


def hooks(pager: Pager) -> list[Callable[[int], Any]]:
    return [
        pager.page,
        pager,
        functools.partial(Pager.page, pager),
        lambda number: pager.page(int(number)),
    ]


@pytest.mark.parametrize("kind", range(4), ids=["method", "object", "partial", "lambda"])
async def test_a_coroutine_hook_is_awaited_in_order(kind: int) -> None:
    listeners, pager = Listeners[int]("step"), Pager()
    listeners.add(hooks(pager)[kind])
    for number in range(50):
        listeners.call(number)
    await listeners.aclose(5)
    assert pager.heard == list(range(50))


async def test_one_that_hangs_holds_nobody_up_and_is_left_behind() -> None:
    listeners = Listeners[int]("step")
    heard: list[int] = []

    async def hang(_: int) -> None:
        await asyncio.get_running_loop().create_future()

    for each in (hang, heard.append):
        listeners.add(each)
    listeners.call(1)
    await asyncio.wait_for(listeners.aclose(0.05), 5)
    await settled()
    assert heard == [1]
    assert len(asyncio.all_tasks()) == 1


async def test_one_that_is_slow_misses_the_oldest_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners, pager = Listeners[int]("step"), Pager()
    listeners.add(pager.page)
    for number in range(MOST_WAITING + 10):
        listeners.call(number)
    await listeners.aclose(5)
    assert pager.heard == list(range(10, MOST_WAITING + 10))
    assert caplog.text.count("does not hear of every step") == 1
