"""kill -9 in the middle of appends, in real processes, while a reader reads."""

from __future__ import annotations

import random
import time
from pathlib import Path

from messages.killed_writer import COUNT, event
from messages.writers import KILLS, Writer
from wa_supervisor.messages.segments import BEGINNING, Tail


def test_no_event_that_append_returned_for_is_lost_to_a_kill_and_none_comes_twice_or_torn(
    tmp_path: Path,
) -> None:
    dice = random.Random()
    tail = Tail(tmp_path / "log", BEGINNING)
    read: list[int] = []
    torn = 0

    def look() -> None:
        nonlocal torn
        while True:
            piece = tail.read(dice.randrange(1, 200))
            torn += len(piece.damages)
            for _, record in piece.records:
                (number,) = COUNT.unpack_from(record.data)
                assert record.data == event(number)
                read.append(number)
            if not piece.records:
                return

    for generation in range(1, KILLS + 1):
        writer = Writer(tmp_path / "log", tmp_path / "counter", generation)
        end = time.monotonic() + dice.uniform(0, 0.1)
        while time.monotonic() < end:
            look()
        appended = writer.kill()
        look()
        # One more may have been written whole whose count the kill cut off.
        assert read == list(range(1, len(read) + 1))
        assert len(read) - appended in {0, 1}
        writer.resume_after(len(read))
    assert torn <= KILLS
    assert read
    tail.close()
