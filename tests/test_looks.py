"""How often sessions look after themselves: as they wish, until they are very many."""

from __future__ import annotations

import contextlib

import pytest

from wa_supervisor import looks


async def test_some_hundred_sessions_look_as_often_as_they_wish_and_more_of_them_less_often() -> (
    None
):
    with contextlib.ExitStack() as running:
        assert looks.interval(30.0) == 30.0
        for _ in range(300):
            running.enter_context(looks.counted())
        assert looks.interval(30.0) == pytest.approx(30.0)
        assert looks.interval(60.0) == 60.0
        for _ in range(700):
            running.enter_context(looks.counted())
        assert looks.interval(30.0) == pytest.approx(100.0)
    assert looks.interval(30.0) == 30.0
