"""The unit as systemd's own tools read it; `test_systemd` runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wa_supervisor.cli.app import app
from wa_supervisor.cli.exits import GIVE_UP, Exit
from wa_supervisor.cli.unit import STOP_SECONDS, WATCHDOG_SECONDS, service
from wa_supervisor.shell import STOP_BOUND

ANALYZE = shutil.which("systemd-analyze")
TRUE = "/usr/bin/true"  # verify looks whether the program is there

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def settings_of(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def analyze(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(directory), "LANG": "C"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_systemd
@pytest.mark.parametrize("system", [True, False], ids=["system", "user"])
@pytest.mark.parametrize("config", [None, Path('/etc/wa %s/$a "b".toml')], ids=["bare", "config"])
@pytest.mark.parametrize("name", ["shop", "-a.B_9"])
def test_systemd_finds_nothing_wrong_with_the_unit(
    tmp_path: Path, name: str, config: Path | None, *, system: bool
) -> None:
    unit = tmp_path / f"wa-supervisor-{name}.service"
    unit.write_text(service(name, (TRUE,), config, system=system))
    found = analyze(tmp_path, "--system" if system else "--user", "verify", f"./{unit.name}")
    assert (found.returncode, found.stderr) == (0, "")


@needs_systemd
def test_systemd_does_find_what_is_wrong(tmp_path: Path) -> None:
    unit = tmp_path / "wrong.service"
    text = service("shop", (TRUE,), None, system=True)
    unit.write_text(text.replace("KillMode=mixed", "KillMode=gently\nNoSuchThing=1"))
    found = analyze(tmp_path, "verify", "./wrong.service")
    assert "gently" in found.stderr
    assert "NoSuchThing" in found.stderr


@needs_systemd
def test_systemd_calls_its_exposure_low(tmp_path: Path) -> None:
    unit = tmp_path / "shop.service"
    unit.write_text(service("shop", (TRUE,), None, system=True))
    # Tenths: more than 1.5 fails. What is left is that it needs the network.
    found = analyze(tmp_path, "security", "--offline=true", "--threshold=15", "./shop.service")
    assert found.returncode == 0, found.stdout


def test_no_restart_undoes_what_only_a_person_can_mend() -> None:
    listed = settings_of(service("shop", (TRUE,), None, system=True))["RestartPreventExitStatus"]
    codes = {int(code) for code in listed[0].split()}
    assert codes == {Exit.USAGE} | set(GIVE_UP.values())
    assert not codes & {Exit.OK, Exit.FAILED, Exit.STORE}


@pytest.mark.parametrize("system", [True, False], ids=["system", "user"])
def test_its_times_fit_ours(*, system: bool) -> None:
    found = settings_of(service("shop", (TRUE,), None, system=system))
    assert found["TimeoutStopSec"] == [str(STOP_SECONDS)]
    assert STOP_SECONDS > 2 * STOP_BOUND
    assert found["WatchdogSec"] == [str(WATCHDOG_SECONDS)]
    assert WATCHDOG_SECONDS > STOP_SECONDS


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/opt/my app/bin/wa-supervisor", '"/opt/my app/bin/wa-supervisor"'),
        ("/opt/100%/wa-supervisor", "/opt/100%%/wa-supervisor"),
        ("/opt/$x/wa-supervisor", "/opt/$x/wa-supervisor"),
        ('/opt/"/wa-supervisor', '"/opt/\\"/wa-supervisor"'),
        ("/opt/\\/wa-supervisor", '"/opt/\\\\/wa-supervisor"'),
        ("/opt/;/wa-supervisor", '"/opt/;/wa-supervisor"'),
    ],
)
def test_an_odd_path_stays_one_word(word: str, written: str) -> None:
    run = settings_of(service("shop", (word,), None, system=True))["ExecStart"][0]
    assert run.startswith(f"{written} run --session=shop ")


def test_the_command_prints_what_runs_this_very_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["unit", "--session", "shop", "--config", "shop.toml"])
    assert result.exit_code == 0
    found = settings_of(result.stdout)
    program = found["ExecStart"][0].split()[0]
    assert os.access(program, os.X_OK)
    assert found["LoadCredential"] == [f"config.toml:{Path.cwd() / 'shop.toml'}"]
    assert found["ExecStart"][0].endswith("--config=${CREDENTIALS_DIRECTORY}/config.toml")


def test_a_wrong_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["unit", "--session", "../etc"])
    assert result.exit_code != 0
    assert result.stdout == ""


def test_a_program_in_a_home_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", "/home/anna/python")
    assert "warning: the service cannot see /home/anna/python" in (
        CliRunner().invoke(app, ["unit"]).stderr
    )
    assert "warning" not in CliRunner().invoke(app, ["unit", "--user"]).stderr
