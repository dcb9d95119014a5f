"""The unit, run by a real systemd in namespaces of its own, with the real neonize inside.

Only its times are shortened. This is what tells that each line of the unit is allowed to stand:
system calls, address families, no memory that can be written and run, a user of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wa_supervisor
from wa_supervisor.cli.unit import service

HERE = Path(__file__).parent / "systemd"
PYTHON = "/usr/bin/python3"
"""The service sees no home, and a developer's Python often lies in one."""


def _python_differs() -> bool:
    ask = [PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]
    found = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=20)
    return found.stdout.split() != [str(part) for part in sys.version_info[:2]]


def _namespaces_are_refused() -> bool:
    probe = ["unshare", "--mount", "--pid", "--fork", "--net", "--cgroup", "true"]
    return subprocess.run(probe, capture_output=True, check=False, timeout=20).returncode != 0


def _checkout_is_hidden() -> bool:
    code = (Path(wa_supervisor.__file__), Path(pytest.__file__))
    hidden = ("/tmp", "/var/tmp", "/home", "/root", "/run/user")
    return any(path.is_relative_to(place) for path in code for place in hidden)


HINDRANCES: dict[str, Callable[[], object]] = {
    "no systemd is installed": lambda: not Path("/lib/systemd/systemd").exists(),
    "only root may boot a systemd in namespaces": os.geteuid,
    "a systemd runs this machine: no second one beside it": Path("/run/systemd/system").exists,
    "ip, unshare or systemctl is missing": lambda: (
        not all(map(shutil.which, ("ip", "unshare", "systemctl")))
    ),
    f"{PYTHON} is missing or of another version": lambda: (
        not Path(PYTHON).exists() or _python_differs()
    ),
    "this checkout lies where the hardened service cannot see it": _checkout_is_hidden,
    "namespaces cannot be made here": _namespaces_are_refused,
}


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(280)
def test_the_unit_runs_under_a_real_systemd(tmp_path: Path) -> None:
    for hindrance, stands in HINDRANCES.items():
        if stands():
            pytest.skip(hindrance)
    unit = tmp_path / "wa-supervisor-shop.service"
    text = service("shop", (PYTHON, "-m", "wa_supervisor"), None, system=True)
    text = re.sub(r"^WatchdogSec=.*$", "WatchdogSec=8", text, flags=re.MULTILINE)
    unit.write_text(re.sub(r"^RestartSec=.*$", "RestartSec=1", text, flags=re.MULTILINE))
    report = tmp_path / "report.json"
    source, packages = Path(wa_supervisor.__file__).parents[1], Path(pytest.__file__).parents[1]
    boot = ["unshare", "--mount", "sh", str(HERE / "boot.sh"), str(tmp_path), str(unit)]
    drive = [sys.executable, str(HERE / "drive.py"), str(report)]
    try:
        subprocess.run(
            [*boot, *drive],
            env=dict(os.environ, PYTHONPATH=f"{source}:{packages}"),
            capture_output=True,
            timeout=250,
            check=False,  # it powers itself off
        )
    finally:
        _forget_control_group(tmp_path)
    logs = [path.read_text() for path in tmp_path.glob("*.log")]
    assert report.exists(), logs
    told = json.loads(report.read_text())
    assert "error" not in told, (told, logs)
    assert told["start"] == ""
    assert told["pairing"]["mode"] == stat.S_IRUSR | stat.S_IWUSR
    assert told["pairing"]["uid"] >= 61184  # systemd's range of dynamic users
    assert told["connected"]["ActiveState"] == "active"
    assert told["seccomp"]
    assert told["client killed"]["MainPID"] == told["connected"]["MainPID"]
    assert told["hung"]["MainPID"] != told["connected"]["MainPID"]
    assert told["hung for"] < 30
    assert "Fatal Python error: Aborted" in told["log"]
    assert told["stopped"]["ExecMainStatus"] == "0"
    assert told["stopped"]["Result"] == "success"
    assert told["stopped in"] < 10
    assert told["overlaps"] == 0
    assert "Operation not permitted" not in told["log"]


def _forget_control_group(scratch: Path) -> None:
    """Remove the groups, which outlive the namespaces; nothing is left in them."""
    script = (
        'mount --make-rprivate / && mount -t cgroup2 cgroup2 "$1/cgroup" '
        '&& find "$1/cgroup/$2" -depth -type d -exec rmdir {} +'
    )
    subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(scratch), scratch.name],
        capture_output=True,
        timeout=20,
        check=True,
    )
