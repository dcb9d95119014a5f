"""A disk that hangs: `run` says so, goes on, and ends all the same when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from wa_supervisor.journal import read
from wa_supervisor.store import SessionFiles

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a fork server"),
]

PROGRAM = """
import sys, threading
from pathlib import Path
from wa_supervisor.cli import main
from wa_supervisor.journal import Journal
from wa_supervisor.store import CredentialKeeper

hanging = Path("hanging")

def hang_in(kind, name):
    deed = getattr(kind, name)
    def hang(*args, **more):
        if hanging.exists():
            Path(f"{name}.hangs").touch()
            threading.Event().wait()
        return deed(*args, **more)
    setattr(kind, name, hang)

hang_in(Journal, "append")
hang_in(CredentialKeeper, "before_dial")
main()
"""
DEADLINE = 30.0


def wait_for(path: Path) -> None:
    end = time.monotonic() + DEADLINE
    while not path.exists():
        assert time.monotonic() < end, f"no {path.name}"
        time.sleep(0.02)


def test_a_stop_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "quick.toml").write_text("[policy.backoff]\nbase = 0.2\ncap = 0.2\n")
    files = SessionFiles.at("default", tmp_path)
    with (tmp_path / "log").open("wb") as log:
        run = subprocess.Popen(
            [
                *(sys.executable, program, "run", "--data-dir", tmp_path),
                *("--config", tmp_path / "quick.toml", "--qr", f"payload:{tmp_path}/qr"),
            ],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HTTPS_PROXY": "http://127.0.0.1:9",
                "WA_SUPERVISOR_ENDPOINT__PROXY": "http://127.0.0.1:9",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    said = tmp_path / "log"
    try:
        wait_for(files.journal)
        end = time.monotonic() + DEADLINE
        while len(read(files.journal).entries) < 3:  # it dials, fails and waits
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.05)
        (tmp_path / "hanging").touch()
        wait_for(tmp_path / "append.hangs")
        end = time.monotonic() + DEADLINE
        while "steps cannot be recorded" not in said.read_text():
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        assert run.wait(DEADLINE) == 0, said.read_text()
        assert "does not answer: not waiting" in said.read_text()
    finally:
        run.kill()
        run.wait(10)
