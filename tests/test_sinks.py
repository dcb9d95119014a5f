"""Sinks are shown codes by threads of their own; one that hangs or raises harms nobody."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from pydantic import SecretStr

from wa_supervisor.sinks import Sinks

PAYLOAD = SecretStr("2@CANARY-PAYLOAD")


class Wall:
    """Remembers what was done."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.news = threading.Event()

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        self._note(f"qr {payload.get_secret_value()} {lifetime:g}")

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        self._note(f"code {code.get_secret_value()} {lifetime:g}")

    def hide(self) -> None:
        self._note("hide")

    def close(self) -> None:
        self._note("close")

    def _note(self, word: str) -> None:
        self.said.append(word)
        self.news.set()


class Hanging(Wall):
    """Hangs at the first code until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        super().show_qr(payload, lifetime)
        assert self.go_on.wait(30)


class Broken(Wall):
    """Fails, and quotes the code."""

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        raise LookupError(payload.get_secret_value(), lifetime)


async def test_each_sink_is_shown_the_code_and_closed() -> None:
    walls = [Wall(), Wall()]
    sinks = Sinks(walls)
    sinks.show_code(SecretStr("ABCD1234"), 160.0)
    assert all(wall.news.wait(5) for wall in walls)
    await sinks.aclose(5)
    assert [wall.said for wall in walls] == [["code ABCD1234 160", "close"]] * 2


async def test_behind_a_sink_that_is_slow_only_the_newest_counts() -> None:
    slow = Hanging()
    sinks = Sinks([slow])
    sinks.show_qr(PAYLOAD, 60)
    assert slow.news.wait(5)
    for number in range(100):
        sinks.show_code(SecretStr(str(number)), 1)
    slow.news.clear()
    slow.go_on.set()
    assert slow.news.wait(5)
    await sinks.aclose(5)
    assert slow.said == [f"qr {PAYLOAD.get_secret_value()} 60", "code 99 1", "close"]


async def test_one_that_hangs_holds_up_neither_the_others_nor_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging, wall = Hanging(), Wall()
    sinks = Sinks([hanging, wall])
    begun = time.monotonic()
    sinks.show_qr(PAYLOAD, 60)
    assert wall.news.wait(5)
    assert hanging.news.wait(5)
    await sinks.aclose(0.1)
    assert time.monotonic() - begun < 5
    assert "Hanging does not return" in caplog.text
    assert wall.said[-1] == "close"
    hanging.go_on.set()


async def test_one_that_raises_is_named_and_quotes_no_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sinks = Sinks([Broken()])
    sinks.show_qr(PAYLOAD, 60)
    await sinks.aclose(5)
    assert "Broken: LookupError" in caplog.text
    assert "CANARY" not in caplog.text


async def test_after_the_end_nothing_is_shown() -> None:
    wall = Wall()
    sinks = Sinks([wall])
    await sinks.aclose(5)
    sinks.show_qr(PAYLOAD, 60)
    await sinks.aclose(5)
    assert wall.said == ["close"]


class AsyncWall:
    """Remembers, on the loop, what was done."""

    def __init__(self, hang: asyncio.Event | None = None) -> None:
        self.said: list[str] = []
        self._hang = hang

    async def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        await self._note(f"qr {payload.get_secret_value()} {lifetime:g}")

    async def show_code(self, code: SecretStr, lifetime: float) -> None:
        await self._note(f"code {code.get_secret_value()} {lifetime:g}")

    async def hide(self) -> None:
        await self._note("hide")

    async def close(self) -> None:
        await self._note("close")

    async def _note(self, word: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.said.append(word)
        if self._hang is not None:
            await self._hang.wait()


async def test_an_async_sink_is_awaited_on_the_loop() -> None:
    wall = AsyncWall()
    sinks = Sinks([wall])
    for number in range(100):
        sinks.show_code(SecretStr(str(number)), 1)
    await asyncio.sleep(0.01)
    await sinks.aclose(5)
    assert wall.said == ["code 99 1", "close"]


async def test_an_async_sink_that_hangs_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    wall = AsyncWall(asyncio.Event())
    sinks = Sinks([wall])
    sinks.hide()
    await asyncio.wait_for(sinks.aclose(0.05), 5)
    await asyncio.sleep(0)
    assert "AsyncWall does not return" in caplog.text
    assert len(asyncio.all_tasks()) == 1
