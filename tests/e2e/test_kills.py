"""A few kills of `lab.bench.kills`, which plays hundreds: see there what is checked after each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(450)
def test_kills_in_all_moments_of_a_life_lose_nothing_and_double_nothing() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "lab.bench.kills", "--kills", "14", "--seed", "21", "--lanes", "2"],
        cwd=ROOT,
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "14 kills of 2 sessions" in played.stdout
