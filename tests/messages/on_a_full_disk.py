"""The log on a disk that is really full, or limited: `on_a_full_disk.py DEED DIRECTORY`.

The directory is a small tmpfs of this process alone, see `store.test_full_disk`.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from messages.events import MESSAGE, append, read_all, writer
from messages.protobuf_bytes import text_event
from store.on_a_full_disk import Disk
from wa_supervisor.messages.errors import LogError
from wa_supervisor.messages.inbox import Inbox, InboxOptions
from wa_supervisor.messages.log import LogOptions, Outcome, Trouble

OPTIONS = LogOptions(segment_bytes=1 << 16, reserve_bytes=1 << 18)


def event(number: int) -> bytes:
    return b"%d " % number + bytes(1000 + 37 * (number % 50))


def write_until(directory: Path, wanted: Outcome, disk: Disk | None) -> None:
    """Append until it is told so, make room, and go on: everything kept is read, nothing else."""
    kept: list[bytes] = []
    number = 0
    with closing(writer(directory, options=OPTIONS)) as log:
        while (outcome := log.append(MESSAGE, event(number))).is_kept:
            kept.append(event(number))
            number += 1
            assert outcome is Outcome.WRITTEN or disk is None or log.trouble is not None
            assert number < 5000, "it never got full"
        assert outcome is wanted
        assert len(kept) > 100
        if disk is None:
            return
        # The reserve took a hundred of them after the disk was full.
        assert log.trouble == Trouble("write the log", "ENOSPC")
        for _ in range(3):
            assert log.append(MESSAGE, event(number)) is Outcome.FULL
        assert read_all(directory)[0] == kept
        disk.free()
        assert log.append(MESSAGE, event(number)) is Outcome.RESERVE_USED
        assert log.take_reserve()
        append(log, b"last")
    read, damages = read_all(directory)
    assert read == [*kept, event(number), b"last"]
    assert len(damages) <= 5


def a_full_disk(directory: Path) -> None:
    disk = Disk(directory)
    with (directory / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        for _ in range(20):
            file.write(bytes(1 << 16))
    write_until(directory / "log", Outcome.FULL, disk)


def the_reserve(directory: Path) -> None:
    """The disk is filled by somebody else between two events."""
    disk = Disk(directory)
    with closing(writer(directory / "log", options=OPTIONS)) as log:
        append(log, *map(event, range(10)))
        disk.fill()
        outcomes = [log.append(MESSAGE, event(number)) for number in range(10, 80)]
        assert set(outcomes) <= {Outcome.WRITTEN, Outcome.RESERVE_USED}
        assert outcomes[-1] is Outcome.RESERVE_USED
        assert not log.take_reserve()
    assert read_all(directory / "log")[0] == [event(number) for number in range(80)]
    with pytest.raises(LogError, match="No space left"):
        writer(directory / "log", generation=2, options=OPTIONS)
    disk.free()
    with closing(writer(directory / "log", generation=2, options=OPTIONS)) as log:
        append(log, b"after")
    assert read_all(directory / "log")[0][-1] == b"after"


def a_limit_on_files(directory: Path) -> None:
    """RLIMIT_FSIZE cuts a write in two as a full disk does; a new segment has room again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    options = LogOptions(segment_bytes=1 << 16, reserve_bytes=0)
    with closing(writer(directory / "log", options=options)) as log:
        outcomes = [log.append(MESSAGE, event(number)) for number in range(200)]
        assert all(outcome.is_kept for outcome in outcomes)
        assert log.append(MESSAGE, bytes(50_000)) is Outcome.FULL
        assert log.append(MESSAGE, b"last").is_kept
    read, damages = read_all(directory / "log")
    assert read == [*map(event, range(200)), b"last"]
    assert damages


def the_inbox(directory: Path) -> None:
    """Nothing can be indexed for long; the reader waits, and goes on when there is room."""
    asyncio.run(_read(directory))


async def _read(directory: Path) -> None:
    disk = Disk(directory)
    options = InboxOptions(poll=0.05)
    async with aclosing(await Inbox.open(directory / "log", options=options)) as inbox:
        reader = await inbox.read()
        found: list[str] = []
        said: str | None = None
        with closing(writer(directory / "log", options=OPTIONS)) as log:
            wanted = [str(number) for number in range(1000)]
            messages = [text_event(each, f"3EB0{each}") for each in wanted]
            append(log, *messages[:500])
            disk.fill()
            told = [log.append(MESSAGE, each).is_kept for each in messages[500:]]
            assert all(told)  # the reserve has room for them
            inbox.notify()
            while len(found) < len(wanted):
                try:
                    async with asyncio.timeout(1):
                        found.append((await anext(reader)).message.text)
                except TimeoutError:
                    said = inbox.state.trouble
                    assert said is not None
                    assert "full" in said
                    disk.free()
        assert found == wanted
        assert inbox.state.trouble is None
        assert said


DEEDS = {deed.__name__: deed for deed in (a_full_disk, the_reserve, a_limit_on_files, the_inbox)}

if __name__ == "__main__":
    DEEDS[sys.argv[1]](Path(sys.argv[2]))
