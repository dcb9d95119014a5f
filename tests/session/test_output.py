from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.session.parent.output import OutputPipe

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: the end to give away, and the end to write to."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)


async def _text(pipe: tuple[int, int], printed: str) -> str:
    reading, writing = pipe
    output = OutputPipe(reading)
    output.watch()
    for start in range(0, len(printed), 1000):
        os.write(writing, printed[start : start + 1000].encode())
        await asyncio.sleep(0)
    output.close()
    return output.tail.text()


async def test_the_last_forty_lines_are_kept(pipe: tuple[int, int]) -> None:
    text = await _text(pipe, "".join(f"line {n}\n" for n in range(100)))
    assert text.splitlines() == [f"line {n}" for n in range(60, 100)]


@pytest.mark.parametrize("word", ["panic: nil map", "fatal error: concurrent map writes"])
async def test_a_panic_keeps_its_head_and_its_end(pipe: tuple[int, int], word: str) -> None:
    trace = "".join(f"goroutine {n}\n" for n in range(500))
    lines = (await _text(pipe, f"before\n{word}\n{trace}")).splitlines()
    assert lines[:2] == [word, "goroutine 0"]
    assert lines[-1] == "goroutine 499"
    assert "[...]" in lines
    assert len(lines) <= 60


async def test_a_line_without_end_is_cut_short(pipe: tuple[int, int]) -> None:
    text = await _text(pipe, "x" * 10_000 + "\n" + "y" * 10_000)
    assert len(text) < 1000
    assert text.endswith("yyy")


async def test_what_is_left_in_the_pipe_is_read_at_the_close(pipe: tuple[int, int]) -> None:
    seen: list[str] = []
    output = OutputPipe(pipe[0], seen.append)
    os.write(pipe[1], b"last words\nunfinished")
    output.close()
    output.close()
    assert output.tail.text() == "last words\nunfinished"
    assert seen == ["last words"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe[0])


async def test_what_is_no_text_is_kept_as_far_as_it_goes(pipe: tuple[int, int]) -> None:
    output = OutputPipe(pipe[0])
    os.write(pipe[1], b"\xff\xfe ok\n")
    output.close()
    assert output.tail.text().endswith(" ok")
