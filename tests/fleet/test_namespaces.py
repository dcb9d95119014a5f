"""A machine's links can be cut, one at a time and without a word."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab.fleet.namespaces import why_no_machines, within

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(why_no_machines() is not None, reason=str(why_no_machines()))
def test_a_link_that_is_cut_is_silent_and_the_other_one_is_not() -> None:
    before = sorted(socket.if_nameindex())
    done = subprocess.run(
        within([sys.executable, str(ROOT / "tests" / "fleet" / "probe_machines.py")]),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "whole": ["control", "internet"],
        "no internet": ["control", "silence"],
        "nothing": ["silence", "silence"],
        "the other": ["control", "internet"],
        "mended": ["control", "internet"],
    }
    after = sorted(socket.if_nameindex())
    assert after == before
