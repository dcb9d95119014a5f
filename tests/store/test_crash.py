"""A process that dies at any step of a deed leaves old or new, never half."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store.crash import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and kills")

HERE = Path(__file__).parent


@pytest.fixture
def quick() -> Iterator[Path]:
    """A directory in memory: what a kill leaves does not depend on the disk, the time does."""
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    yield path
    shutil.rmtree(path)


def crash(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, HERE / "crash.py", *arguments],
        check=True,
        timeout=100,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{HERE.parent}:{HERE.parents[1] / 'src'}"},
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_before_any_step_leaves_old_or_new(quick: Path, name: str) -> None:
    report = crash(name, str(quick))
    assert report["failures"] == []
    assert report["points"] >= 25
    # Both ends were seen: neither is the deed done at once, nor is it always undone.
    assert len(report["states"]) >= 2


def test_a_kill_of_the_recovery_leaves_old_or_new(quick: Path) -> None:
    report = crash("restore-of-a-lost-file", str(quick), "--twice")
    assert report["failures"] == []
    assert report["twice"] >= 100
