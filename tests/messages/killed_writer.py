"""Appends for ever, and counts in a shared page what `append` has returned for. To be killed.

`killed_writer.py DIRECTORY COUNTER GENERATION`: the events are numbered through all generations.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import sys
from pathlib import Path

from wa_supervisor.messages.log import LogOptions, LogWriter, Outcome

COUNT = struct.Struct("<Q")
OPTIONS = LogOptions(segment_bytes=1 << 17, reserve_bytes=1 << 16)


def event(number: int) -> bytes:
    """The event of this number: mostly short, now and then over many pages, which may be torn."""
    dice = random.Random(number)
    size = dice.randrange(20_000, 90_000) if dice.random() < 0.1 else dice.randrange(1, 2000)
    return COUNT.pack(number) + dice.randbytes(size)


def main() -> None:
    directory, counter, generation = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with Path(counter).open("r+b") as file:
        page = mmap.mmap(file.fileno(), COUNT.size)
    (number,) = COUNT.unpack(page[:])
    log = LogWriter.open(directory, generation=generation, after=0, options=OPTIONS)
    events = [event(number + each) for each in range(1, 2000)]
    os.write(1, b"ready\n")
    for each in events:
        assert log.append(17, each) is Outcome.WRITTEN
        number += 1
        page[:] = COUNT.pack(number)


if __name__ == "__main__":
    main()
