"""The image and the compose file, read: what they rely on is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wa_supervisor.cli.commands import HOMES
from wa_supervisor.cli.unit import STOP_SECONDS
from wa_supervisor.settings import load_settings
from wa_supervisor.shell import STOP_BOUND

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def values(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def test_a_linter_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, ROOT / "Dockerfile"]
    read = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (read.returncode, read.stdout) == (0, "")


def test_the_base_is_debian_for_neonize_has_no_wheel_for_alpine() -> None:
    assert {base.split()[0] for base in values("FROM")} == {"python:3.13-slim"}


def test_it_runs_as_nobody_else_and_stops_by_sigterm() -> None:
    assert values("USER") == ["10001:10001"]
    assert values("STOPSIGNAL") == ["SIGTERM"]


def test_its_variables_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    given = re.findall(r"(WA_SUPERVISOR_\w+)[=:] ?(\S+)", " ".join([*values("ENV"), COMPOSE]))
    for name, value in given:
        monkeypatch.setenv(name, value)
    settings = load_settings().settings
    assert settings.session == "shop"
    assert values("VOLUME") == [str(settings.data_dir)]
    assert settings.pairing.qr == ["payload:/run/wa-supervisor/pairing"]
    assert "/run/wa-supervisor:uid=10001,gid=10001,mode=0700" in COMPOSE
    assert f"shop:{settings.data_dir}" in COMPOSE


def test_what_it_copies_is_there_and_not_ignored() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    copied = {
        source
        for rest in values("COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    assert copied == kept
    assert all((ROOT / source).exists() for source in copied)


def test_its_commands_exist() -> None:
    health = re.findall(r'\["(?:CMD", ")?wa-supervisor", "(\w+)"\]', COMPOSE)
    health += re.findall(r'CMD \["wa-supervisor", "(\w+)"\]', " ".join(values("HEALTHCHECK")))
    assert health == ["health", "health"]
    assert values("ENTRYPOINT") == ['["wa-supervisor"]']
    assert values("CMD") == ['["run"]']
    assert {"health", "run"} <= set(HOMES)


def test_the_grace_period_fits_the_stop() -> None:
    assert re.findall(r"stop_grace_period: (\d+)s", COMPOSE) == [str(STOP_SECONDS)]
    assert STOP_SECONDS > 2 * STOP_BOUND


def test_the_pages_on_running_name_the_same_times() -> None:
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    assert f"stop_grace_period: {STOP_SECONDS}s" in page
    assert f"terminationGracePeriodSeconds: {STOP_SECONDS}" in page
