"""Appends for ever, and counts in a shared page what `append` has returned for. To be killed.

`killed_writer.py DIRECTORY COUNTER GENERATION AFTER`: the messages are numbered through all
generations; `AFTER` is the inbox's floor.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import sys
from pathlib import Path

from messages.protobuf_bytes import text_event
from wa_supervisor.messages.log import LogOptions, LogWriter, Outcome

COUNT = struct.Struct("<Q")
OPTIONS = LogOptions(segment_bytes=1 << 17, reserve_bytes=1 << 16)
CHATS = [{"User": user, "Server": "lid"} for user in ("111", "222", "333")]


def event(number: int) -> bytes:
    """A message of this number: mostly short, now and then over many pages, which may be torn."""
    dice = random.Random(number)
    size = dice.randrange(20_000, 90_000) if dice.random() < 0.1 else dice.randrange(1, 2000)
    text = f"{number} " + dice.randbytes(size).hex()
    return text_event(text, f"3EB0{number}", Chat=dice.choice(CHATS))


def main() -> None:
    directory, counter = Path(sys.argv[1]), sys.argv[2]
    generation, after = map(int, sys.argv[3:])
    with Path(counter).open("r+b") as file:
        page = mmap.mmap(file.fileno(), COUNT.size)
    (number,) = COUNT.unpack(page[:])
    log = LogWriter.open(directory, generation=generation, after=after, options=OPTIONS)
    events = [event(number + each) for each in range(1, 1000)]
    os.write(1, b"ready\n")
    for each in events:
        assert log.append(17, each) is Outcome.WRITTEN
        number += 1
        page[:] = COUNT.pack(number)


if __name__ == "__main__":
    main()
