"""The README's two commands: what they need beside git and Python, they name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("try", "check")


def _section(title: str) -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_readme_has_two_commands_after_the_clone_and_says_how_long_each_takes() -> None:
    lines = re.findall(r"^\$ (.*)$", _section("See it"), re.MULTILINE)
    assert lines[0].startswith("git clone ")
    assert [line.split()[0] for line in lines[1:]] == [f"./{name}" for name in COMMANDS]
    for line in lines[1:]:
        assert re.search(r"\d+ (s|minutes)\b.*to set up", line)


def test_ci_runs_the_readmes_test_command() -> None:
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "./check"


@pytest.mark.parametrize(
    ("refuses", "said"),
    [
        ("-m venv", "sudo apt install python3-venv"),
        ("-c import sys", "This needs Python 3.11 or newer"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_missing_is_named(tmp_path: Path, command: str, refuses: str, said: str) -> None:
    for part in (command, ".ci/uv"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("dirname", "rm", "sh"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    python = tools / "python3"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in "{refuses}"*) exit 1;; --version) echo "Python 3.9.2";; esac\n'
    )
    python.chmod(0o755)
    done = subprocess.run(
        [tmp_path / command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd="/",
        env={key: value for key, value in os.environ.items() if key != "PATH"}
        | {"PATH": str(tools)},
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".uv").exists()
