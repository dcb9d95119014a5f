from __future__ import annotations

import ctypes
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from wa_supervisor.session.child.bot import BotThread

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 5.0
MESSAGE = "hello"


class Bot:
    """A bot thread and what it told."""

    def __init__(self, handle: Callable[[bytes], object], patience: float = 30.0) -> None:
        self.handled: list[bytes] = []
        self.busy: list[float] = []
        self.free = threading.Event()

        def execute(_uuid: int, binary: int, size: int, _code: int) -> None:
            data = ctypes.string_at(binary, size)
            self.handled.append(data)
            handle(data)

        self.thread = BotThread(execute, patience, busy=self.busy.append, free=self.free.set)


def test_events_are_handled_in_order_on_another_thread() -> None:
    threads: list[int] = []
    bot = Bot(lambda _: threads.append(threading.get_ident()))
    for number in range(100):
        bot.thread.put(0, bytes([number]), 7)
    bot.thread.finish(SECONDS)
    assert bot.handled == [bytes([number]) for number in range(100)]
    assert set(threads) != {threading.get_ident()}
    assert len(set(threads)) == 1


def test_a_handler_at_work_delays_nobody_who_hands_events_over() -> None:
    gate = threading.Event()
    bot = Bot(lambda _: gate.wait(SECONDS))
    began = time.monotonic()
    for _ in range(1000):
        bot.thread.put(0, b"", 7)
    assert time.monotonic() - began < 1
    gate.set()
    bot.thread.finish(SECONDS)
    assert len(bot.handled) == 1000


def _exit(_: bytes) -> NoReturn:
    sys.exit(1)


def _raise(_: bytes) -> NoReturn:
    raise LookupError(MESSAGE)


@pytest.mark.parametrize(("handle", "name"), [(_exit, "SystemExit"), (_raise, "LookupError")])
def test_what_a_handler_raises_is_told_without_its_text_and_the_next_event_is_handled(
    handle: Callable[[bytes], object], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        bot = Bot(handle)
        bot.thread.put(0, b"1", 7)
        bot.thread.put(0, b"2", 7)
        bot.thread.finish(SECONDS)
    assert bot.handled == [b"1", b"2"]
    assert caplog.text.count(f"raised {name}") == 2
    assert "test_bot.py" in caplog.text
    assert MESSAGE not in caplog.text


def test_a_handler_that_works_for_too_long_is_busy_once_and_then_free() -> None:
    gate = threading.Event()
    bot = Bot(lambda _: gate.wait(SECONDS), patience=0.05)
    bot.thread.put(0, b"", 7)
    time.sleep(0.4)
    assert len(bot.busy) == 1
    assert bot.busy[0] >= 0.05
    assert not bot.free.is_set()
    gate.set()
    assert bot.free.wait(SECONDS)


def test_the_end_waits_for_a_handler_but_not_for_ever() -> None:
    gate = threading.Event()
    bot = Bot(lambda _: gate.wait(SECONDS))
    bot.thread.put(0, b"", 7)
    began = time.monotonic()
    bot.thread.finish(0.1)
    assert 0.1 <= time.monotonic() - began < 1
    gate.set()


def test_what_the_gate_refuses_is_not_handled() -> None:
    handled: list[int] = []
    thread = BotThread(
        lambda _uuid, _binary, _size, code: handled.append(code),
        30.0,
        busy=lambda _: None,
        free=lambda: None,
        admits=lambda code, _: code != 17,
    )
    for code in (17, 18):
        thread.put(0, b"", code)
    thread.finish(SECONDS)
    assert handled == [18]


def test_whoever_hands_a_job_over_hears_what_it_raised_and_the_next_is_run() -> None:
    bot = Bot(lambda _: None)
    ends: list[BaseException | None] = []

    def fail() -> NoReturn:
        raise LookupError

    bot.thread.run(fail, ends.append)
    bot.thread.run(lambda: bot.thread.handle(0, b"after", 7), ends.append)
    bot.thread.finish(SECONDS)
    assert isinstance(ends[0], LookupError)
    assert ends[1:] == [None]
    assert bot.handled == [b"after"]


def test_a_handler_that_works_for_too_long_is_busy_after_a_time_of_none_at_all() -> None:
    """While no handler works nobody watches; the next is watched from its first moment."""
    gate = threading.Event()
    bot = Bot(lambda _: gate.wait(SECONDS), patience=0.05)
    for round_ in range(1, 4):
        time.sleep(0.2)
        bot.thread.put(0, b"", 7)
        time.sleep(0.3)
        assert len(bot.busy) == round_
        gate.set()
        assert bot.free.wait(SECONDS)
        gate.clear()
        bot.free.clear()
