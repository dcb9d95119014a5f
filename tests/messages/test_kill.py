"""kill -9 in the middle of appends, in real processes, while a reader reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from messages.killed_reader import said_of
from messages.killed_writer import event
from messages.writers import KILLS, TESTS, Writer
from wa_supervisor.messages.inbox import Inbox, InboxOptions
from wa_supervisor.messages.parse import parse
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
                message = parse(record)
                assert message is not None
                number = int(message.text.split()[0])
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


class ReadingProcess:
    """A process that reads the inbox, and what it says."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("killed_reader.py")), str(directory)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
        )
        assert self._process.stdout is not None
        self.floor = int(self._process.stdout.readline())

    def kill(self) -> list[dict[str, Any]]:
        """Kill it; return the messages that it had, in order."""
        self._process.kill()
        said, _ = self._process.communicate(timeout=10)
        return [json.loads(line) for line in said.splitlines(keepends=True) if line[-1:] == b"\n"]


@pytest.mark.long
def test_kills_of_both_sides_lose_nothing_and_hand_nothing_out_twice_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    dice = random.Random()
    directory = tmp_path / "inbox"
    handled: list[dict[str, Any]] = []
    uncertain: set[int] = set()
    appended = generation = 0

    def check(found: list[dict[str, Any]]) -> None:
        """Each process goes on after the last acknowledged message of the one before."""
        if handled and found and found[0]["number"] == handled[-1]["number"]:
            assert found[0]["redelivered"]  # the one that the kill has interrupted
            found = found[1:]
        assert not any(each["redelivered"] for each in found[1:])
        handled.extend(found)

    for _ in range(KILLS):
        reading = ReadingProcess(directory)
        for _ in range(dice.randrange(1, 4)):
            generation += 1
            writer = Writer(directory, tmp_path / "counter", generation, reading.floor)
            time.sleep(dice.uniform(0, 0.1))
            # One more may be there, whose count the kill cut off: its number is not used again.
            appended = writer.kill() + 1
            uncertain.add(appended)
            writer.resume_after(appended)
        time.sleep(dice.uniform(0, 0.3))
        check(reading.kill())
    check(asyncio.run(rest(directory)))
    numbers = [each["number"] for each in handled]
    assert numbers == sorted(set(numbers))
    assert set(range(1, appended + 1)) - set(numbers) <= uncertain
    assert {each["chat"] for each in handled} == {"111@lid", "222@lid", "333@lid"}


async def rest(directory: Path) -> list[dict[str, Any]]:
    """Read what is left."""
    inbox = await Inbox.open(directory, options=InboxOptions(poll=0.02))
    found: list[dict[str, Any]] = []
    with contextlib.suppress(TimeoutError):
        reader = await inbox.read()
        while True:
            async with asyncio.timeout(1):
                item = await anext(reader)
            found.append(said_of(item))
    await inbox.aclose()
    return found
