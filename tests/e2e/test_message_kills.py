"""A few kills of `lab.bench.message_kills`, which plays hundreds: see there what is judged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
COMMAND = "--kills 4 --stops 1 --seed 3 --burst 60 --life 0.5 --ours-only"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_kills_and_a_stop_in_bursts_lose_nothing_that_neonize_handed_over() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "lab.bench.message_kills", *COMMAND.split()],
        cwd=ROOT,
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "all at once 1, fork server 1, session process 1, supervisor 1" in played.stdout
    witnessed = re.search(r"witnessed: (\d+) calls of neonize", played.stdout)
    assert witnessed is not None
    assert int(witnessed[1]) > 100
