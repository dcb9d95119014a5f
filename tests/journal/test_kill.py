"""kill -9 in the middle of appends, in a real process: what was acknowledged is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from wa_supervisor.journal import Journal, read

TESTS = Path(__file__).parents[1]
KILLS = int(os.environ.get("WA_SUPERVISOR_TEST_KILLS", "6"))
"""How many processes to kill; a longer run is asked for with the variable."""


def write_until_killed(path: Path, after: float) -> int:
    """Return the last row that was acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_writer.py")), str(path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(after)
    finally:
        writer.kill()
    said, _ = writer.communicate(timeout=10)
    whole = said.rpartition(b"\n")[0].split()
    return int(whole[-1]) if whole else 0


def test_no_acknowledged_row_is_lost_to_a_kill_and_the_memory_is_that_of_the_last_row(
    path: Path,
) -> None:
    dice = random.Random()
    last = 0
    for _ in range(KILLS):
        acknowledged = write_until_killed(path, dice.uniform(0, 0.3)) or last
        seen = read(path)  # as `history` would, before anyone has recovered the file
        with closing(Journal.open(path)) as journal:
            rows, memory = [entry.generation for entry in journal.steps()], journal.memory()
            assert not journal.was_lost
        assert rows == list(range(1, len(rows) + 1))
        # One more may have been written whose acknowledgement the kill cut off.
        assert len(rows) - acknowledged in {0, 1}
        assert (memory.session.generation if memory else 0) == len(rows)
        assert [entry.generation for entry in seen.entries] == rows
        assert seen.ignored == len(rows)
        last = len(rows)
    assert last > KILLS
