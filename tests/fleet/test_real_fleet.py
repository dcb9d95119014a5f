"""Real clients on real machines, as far as namespaces are machines; the server judges."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.fleet.namespaces import why_no_machines, within

ROOT = Path(__file__).parents[2]


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.skipif(why_no_machines() is not None, reason=str(why_no_machines()))
def test_a_session_has_one_client_and_one_alone_whatever_happens_to_its_worker() -> None:
    done = subprocess.run(
        within([sys.executable, str(ROOT / "tests" / "fleet" / "probe_fleet.py")]),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["began with one each"]
    assert found["overlaps"] == []
    assert found["moved"] == {
        "killed": True,
        "cut off from Postgres": True,
        "frozen": True,
        "left alone": False,
        "left alone, too": False,
    }
    assert found["new pairings"] == 0
    assert found["missing"] == []
    assert all(gap > 0 for gap in found["gaps"])
