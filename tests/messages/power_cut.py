"""A power cut on a real ext4: `python power_cut.py DIRECTORY [DURABILITY]`, as root.

The file system lies in a file that is mounted over a loop device. What its kernel has written to
that file is what a power cut would leave: the rest is in memory. So a process appends, is stopped,
the file is copied, and the copy is mounted: its journal is replayed as at the next boot.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from unittest import mock

from messages.events import MESSAGE, append, read_all, writer
from wa_supervisor.messages import sync
from wa_supervisor.messages.log import LogOptions, LogWriter, Outcome

SIZE = 16 << 20


def event(number: int) -> bytes:
    return b"%d " % number + bytes(number * 37 % 3000)


def write(directory: Path, durability: str) -> None:
    """Append for ever; say how many events were promised to survive each time that more are."""
    counts = {"appended": 0, "promised": 0}
    real = os.fdatasync

    def watched(descriptor: int) -> None:
        appended, current = counts["appended"], log._descriptor
        real(descriptor)
        if descriptor != current:
            return  # an older segment: it holds only some of them
        counts["promised"] = appended
        os.write(1, json.dumps(counts).encode() + b"\n")

    options = LogOptions("power" if durability == "power" else "process", 1 << 17, 1 << 16)
    with mock.patch.object(sync, "_fdatasync", watched):
        log = LogWriter.open(directory, generation=1, after=0, options=options)
        for number in itertools.count():
            assert log.append(MESSAGE, event(number)) is Outcome.WRITTEN
            counts["appended"] = number + 1
            time.sleep(0.0005)


def cut(where: Path, durability: str) -> None:
    disk, copy, mounted = where / "disk", where / "copy", where / "mounted"
    mounted.mkdir()
    with disk.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
    # No commit of the kernel's own: what is not asked for is not there.
    options = "loop,commit=300"
    subprocess.run(["mount", "-o", options, str(disk), str(mounted)], check=True)
    os.sync()
    process = subprocess.Popen(
        [sys.executable, __file__, "--write", str(mounted / "log"), durability],
        stdout=subprocess.PIPE,
    )
    try:
        time.sleep(random.uniform(0.4, 1.0))
        process.send_signal(signal.SIGSTOP)
        shutil.copyfile(disk, copy)
    finally:
        process.kill()
        said, _ = process.communicate(timeout=20)
        subprocess.run(["umount", str(mounted)], check=True)
    promised = json.loads(said.splitlines()[-1])["promised"] if said else 0
    subprocess.run(["mount", "-o", "loop", str(copy), str(mounted)], check=True)
    try:
        with closing(writer(mounted / "log", generation=2)) as log:
            append(log, b"after")
        *read, last = read_all(mounted / "log")[0]
        assert last == b"after"
        assert read == [event(number) for number in range(len(read))]
        assert len(read) >= promised, f"{promised} were promised and {len(read)} are there"
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
    os.write(1, json.dumps({"promised": promised, "survived": len(read)}).encode())


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write(Path(sys.argv[2]), sys.argv[3])
    else:
        cut(Path(sys.argv[1]), sys.argv[2])
