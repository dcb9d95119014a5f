"""When those who follow a session look at it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wa_supervisor.web import streams
from wa_supervisor.web.streams import News

if TYPE_CHECKING:
    import pytest


async def test_after_a_step_there_are_two_looks_and_then_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "LOOK_EVERY", 60.0)
    news = News()
    news.event.set()
    async with asyncio.timeout(20):
        await news.wait()
        await news.wait()  # for what the step brought
    third = asyncio.create_task(news.wait())
    await asyncio.wait({third}, timeout=0.3)
    assert not third.done()
    news.event.set()
    async with asyncio.timeout(20):
        await third


async def test_many_steps_are_few_looks() -> None:
    news, looks = News(), 0

    async def look() -> None:
        nonlocal looks
        while True:
            await news.wait()
            looks += 1

    looking = asyncio.create_task(look())
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(60):
        news.event.set()
        await asyncio.sleep(0.005)
    most = (loop.time() - began) / streams.GATHER + 2
    looking.cancel()
    assert 1 <= looks <= most
