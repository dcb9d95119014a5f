"""A signal that comes before `run` has begun anything ends it as a stop does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_sigterm_while_run_still_imports_is_a_stop_with_exit_code_0(tmp_path: Path) -> None:
    arguments = ("run", "--session", "shop", "--data-dir", str(tmp_path / "data"))
    running = subprocess.Popen(
        [sys.executable, "-m", "wa_supervisor", *arguments],
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + 20
        while not _handles(running.pid, signal.SIGTERM) and time.monotonic() < until:
            time.sleep(0.001)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=20)
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, said) == (0, b"")
    assert not (tmp_path / "data").exists(), "it had not begun"


def _handles(pid: int, number: signal.Signals) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False
