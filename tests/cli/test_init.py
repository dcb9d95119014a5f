"""`wa-supervisor init`: what it writes is right, and never in the place of something else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli import unit
from wa_supervisor.cli.exits import Exit
from wa_supervisor.cli.starter.reference import settings_file
from wa_supervisor.setting_sources import leaves
from wa_supervisor.settings import Settings, load_settings

if TYPE_CHECKING:
    from cli.calling import Cli

ROOT = Path(__file__).parents[2]
SETTINGS = "wa-supervisor.toml"


def test_what_it_writes_passes_a_check(program: Cli, tmp_path: Path) -> None:
    written = program("init", "--session", "shop")
    assert (written.code, written.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {SETTINGS, "mybot.py"}
    checked = program("config", "check", "--config", SETTINGS)
    assert (checked.code, checked.err) == (0, "")
    assert f"wa-supervisor config check --config {SETTINGS}" in written.out
    assert max(map(len, (tmp_path / SETTINGS).read_text().splitlines())) <= 100
    assert max(map(len, written.out.splitlines()[1:])) <= 80


def test_its_bot_compiles_and_is_the_one_that_is_named(program: Cli, tmp_path: Path) -> None:
    assert program("init", "new/place", "--bot", "echo").code == 0
    compile((tmp_path / "new/place/echo.py").read_text(), "echo.py", "exec")
    loaded = load_settings(tmp_path / "new/place" / SETTINGS)
    assert loaded.settings == Settings(bot="echo:register")
    assert loaded.warnings == ()


def test_every_setting_stands_in_it_with_its_default(tmp_path: Path) -> None:
    text = settings_file({("session",): "shop"})
    assert load_settings_of(tmp_path, text) == Settings(session="shop")
    with_all = re.sub(r"^#(\w+ = .*)(?<! # not set)$", r"\1", text, flags=re.MULTILINE)
    assert with_all.count("\n#") < text.count("\n#") - 50
    assert load_settings_of(tmp_path, with_all) == Settings(session="shop")
    said = set(re.findall(r"^#?(\w+) = ", text, re.MULTILINE))
    test_only = {"ca_file", "noise_root", "keepalive"}
    assert said == {key[-1] for key in leaves(Settings)} - test_only


def test_the_examples_for_what_is_not_set_are_accepted(tmp_path: Path) -> None:
    text = re.sub(r"^#(\w+ = .*)$", r"\1", settings_file({}), flags=re.MULTILINE)
    settings = load_settings_of(tmp_path, text)
    assert settings.database is not None
    assert settings.pairing.phone is not None
    assert settings.policy.backoff.max_retries == 10


def load_settings_of(directory: Path, text: str) -> Settings:
    (directory / "some.toml").write_text(text)
    return load_settings(directory / "some.toml").settings


@pytest.mark.parametrize("taken", [SETTINGS, "compose.yaml"])
def test_nothing_is_overwritten_and_then_nothing_is_written(
    program: Cli, tmp_path: Path, taken: str
) -> None:
    (tmp_path / taken).write_text("mine")
    answer = program("init", "--service", "compose")
    assert answer.code == Exit.USAGE
    assert f"{taken} exists in {tmp_path}; nothing was written" in answer.err
    assert "name another directory" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_a_bot_that_is_there_stays_as_it_is(program: Cli, tmp_path: Path) -> None:
    (tmp_path / "mybot.py").write_text("mine")
    answer = program("init")
    assert answer.code == Exit.OK
    assert "mybot.py was there, and stays as it is." in answer.out
    assert (tmp_path / "mybot.py").read_text() == "mine"
    assert (tmp_path / SETTINGS).exists()


def test_a_link_to_nowhere_is_not_written_through(program: Cli, tmp_path: Path) -> None:
    (tmp_path / "mybot.py").symlink_to(tmp_path / "elsewhere")
    assert program("init").code == Exit.USAGE
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--session", "../x"], "cannot be a session name"),
        (["--bot", "my-bot"], "--bot: 'my-bot' cannot be the name of a module"),
        (["--service", "cron"], "'cron' is not one of 'system', 'user', 'compose'"),
    ],
)
def test_what_cannot_be_is_refused(
    program: Cli, tmp_path: Path, arguments: list[str], said: str
) -> None:
    answer = program("init", *arguments)
    assert answer.code == Exit.USAGE
    assert said in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(program: Cli) -> None:
    answer = program("init", "/proc/here")
    assert answer.code == Exit.STORE
    assert "cannot write to /proc/here" in answer.err


# -- services --------------------------------------------------------------------------------------


def test_a_unit_finds_the_settings_and_the_bot(
    program: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "_HIDDEN", ())
    answer = program("init", "100%", "--session", "shop", "--service", "system")
    assert answer.code == 0
    directory = f"{tmp_path}/100%%"
    lines = (tmp_path / "100%/wa-supervisor-shop.service").read_text().splitlines()
    assert f"WorkingDirectory={directory}" in lines
    assert f"LoadCredential=config.toml:{directory}/{SETTINGS}" in lines
    assert "sudo systemctl enable --now" not in answer.out.split("&&")[0]


def test_a_unit_of_the_user_reads_the_file_where_it_is(program: Cli, tmp_path: Path) -> None:
    assert program("init", "--service", "user").code == 0
    text = (tmp_path / "wa-supervisor-default.service").read_text()
    assert f"--config={tmp_path}/{SETTINGS}" in text
    assert f"\nWorkingDirectory={tmp_path}\n" in text


def test_a_service_of_the_machine_is_not_sent_into_a_home(
    program: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "_HIDDEN", (tmp_path,))
    answer = program("init", "bots", "--service", "system")
    assert answer.code == Exit.USAGE
    assert "homes are hidden" in answer.err
    assert not (tmp_path / "bots").exists()


def test_a_compose_file_is_as_closed_as_ours(program: Cli, tmp_path: Path) -> None:
    assert program("init", "--session", "shop", "--service", "compose").code == 0
    text = (tmp_path / "compose.yaml").read_text()
    assert not re.search(r"\{\w+\}", text)

    def said(text: str) -> set[str]:
        lines = (line.partition(" #")[0].rstrip() for line in text.splitlines())
        return {line for line in lines if not line.lstrip().startswith("#")}

    assert said((ROOT / "compose.yaml").read_text()) - said(text) == {"    build: ."}
    assert {line.strip() for line in said(text) - said((ROOT / "compose.yaml").read_text())} == {
        "build: https://github.com/wa-supervisor/wa-supervisor.git",
        f'command: ["run", "--config", "/bot/{SETTINGS}"]',
        "- .:/bot:ro",
    }


def test_what_is_written_is_readable_by_the_containers_user(program: Cli, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        program("init", "--service", "compose")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}
