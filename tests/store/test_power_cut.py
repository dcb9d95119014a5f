"""A power cut at any moment leaves old or new, and what was promised; see lab.power_cut."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from store.power_cut import SCENARIOS

HERE = Path(__file__).parent
PYTHONPATH = f"{HERE.parent}:{HERE.parents[1]}:{HERE.parents[1] / 'src'}"

recorded = [
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD and /proc are Linux's"),
    pytest.mark.skipif(
        shutil.which(os.environ.get("CC", "cc")) is None, reason="there is no C compiler"
    ),
]


def cut(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, HERE / "power_cut.py", *arguments],
        check=True,
        timeout=110,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


class TestOfTheProduct:
    pytestmark = recorded

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_a_power_cut_leaves_old_or_new_and_what_was_promised(self, name: str) -> None:
        report = cut(name)
        assert report["failures"] == []
        assert report["disks"] >= 15
        # Both ends were seen: the cuts are early and late enough.
        assert len(report["outcomes"]) >= 2

    @pytest.mark.parametrize(
        "name", ["purge", "restore", "restore-of-a-lost-file", "restore-from-quarantine", "expire"]
    )
    def test_a_power_cut_in_the_recovery_from_one_does_no_harm_either(self, name: str) -> None:
        report = cut(name, "--twice")
        assert report["failures"] == []
        assert report["twice"] >= 80
