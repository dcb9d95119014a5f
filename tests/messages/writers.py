"""A process that appends until it is killed, and what it was told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from messages.killed_writer import COUNT

KILLS = int(os.environ.get("WA_SUPERVISOR_TEST_KILLS", "6"))
"""How many processes to kill; a longer run is asked for with the variable."""

TESTS = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("killed_writer.py")


class Writer:
    """One generation of the writing process."""

    def __init__(self, directory: Path, counter: Path, generation: int, after: int = 0) -> None:
        self._counter = counter
        if not counter.exists():
            counter.write_bytes(COUNT.pack(0))
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *map(str, (directory, counter, generation, after))],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def appended(self) -> int:
        """The number of the last event that `append` has returned for."""
        return int(COUNT.unpack(self._counter.read_bytes())[0])

    def kill(self) -> int:
        """Kill it and wait for its end; return what `appended` says then."""
        self._process.kill()
        self._process.communicate(timeout=10)
        return self.appended()

    def resume_after(self, found: int) -> None:
        """Have the next generation go on after this event: one may be there uncounted."""
        self._counter.write_bytes(COUNT.pack(found))
