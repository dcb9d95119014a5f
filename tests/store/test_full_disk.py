"""A file system that is really full: a tiny tmpfs in a mount namespace of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.on_a_full_disk import DEEDS

SCRIPT = Path(__file__).with_name("on_a_full_disk.py")
MOUNT = 'mount -t tmpfs -o size=2m,mode=700 none "$1" && shift && exec "$@"'


def on_a_small_disk(directory: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a command that finds 2 MiB at the directory; skip where nobody may mount."""
    unshare = ["unshare", "-m" if os.geteuid() == 0 else "-Urm"]
    wrapped = [*unshare, "sh", "-c", MOUNT, "sh", str(directory)]
    path = os.pathsep.join(filter(None, map(str, sys.path)))
    try:
        subprocess.run([*wrapped, "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mount namespace here: {getattr(error, 'stderr', b'') or error}")
    return subprocess.run(
        [*wrapped, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=os.environ | {"PYTHONPATH": path},
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs mount namespaces")
@pytest.mark.parametrize("deed", DEEDS)
def test_a_full_disk_is_said_loses_nothing_and_is_over_when_there_is_room(
    tmp_path: Path, deed: str
) -> None:
    done = on_a_small_disk(tmp_path, sys.executable, SCRIPT, deed, tmp_path)
    assert done.returncode == 0, done.stderr
