"""The log on disks that are full, limited, or lose their power: real file systems, not doubles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from messages.on_a_full_disk import DEEDS
from store.test_full_disk import on_a_small_disk

SCRIPT = Path(__file__).with_name("on_a_full_disk.py")
POWER_CUT = Path(__file__).with_name("power_cut.py")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs mount namespaces")


@pytest.mark.parametrize("deed", DEEDS)
def test_no_room_is_told_and_loses_nothing_that_was_kept(tmp_path: Path, deed: str) -> None:
    done = on_a_small_disk(tmp_path, sys.executable, SCRIPT, deed, tmp_path)
    assert done.returncode == 0, done.stderr


def cut_the_power(where: Path, durability: str) -> dict[str, int]:
    """Cut it once; skip where no file system may be mounted over a loop device."""
    check = 'truncate -s 4M "$1/try" && mkfs.ext4 -q "$1/try" && mount -o loop "$1/try" /mnt'
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", check, "sh", str(where)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if tried.returncode:
        pytest.skip(f"no loop devices here: {tried.stderr.strip()}")
    done = subprocess.run(
        ["unshare", "-m", sys.executable, str(POWER_CUT), str(where), durability],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_what_was_synchronised_survives_a_power_cut(tmp_path: Path) -> None:
    found = cut_the_power(tmp_path, "power")
    assert found["survived"] >= found["promised"] > 0


def test_without_it_a_power_cut_takes_what_the_kernel_had_in_memory(tmp_path: Path) -> None:
    assert cut_the_power(tmp_path, "process") == {"promised": 0, "survived": 0}
