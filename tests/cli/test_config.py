"""`config show` and `config check`."""

from __future__ import annotations

import json
import sys
import tomllib
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli.exits import Exit
from wa_supervisor.setting_sources import leaves
from wa_supervisor.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli

SECRETS = ("4915112345678", "hunter2-very-secret", "4915187654321")
TOKEN = "a-token-of-a-topic"


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A settings file with every kind of secret."""
    file = tmp_path / "full.toml"
    phone, password, friend = SECRETS
    file.write_text(
        f'database = "postgres://me:{password}@db.example/keys"\nprofile = "zeroclaw"\n'
        f'[pairing]\nmode = "code"\nphone = "{phone}"\n[gate]\nallow = ["+{friend}"]\n'
        f'[endpoint]\nproxy = "http://me:{password}@proxy.example:3128"\n'
        f'[notify]\nurls = ["ntfy://{TOKEN}"]\nwebhook = "https://example.org/{TOKEN}"\n'
        f'webhook_secret = "whsec_{b64encode(password.encode()).decode()}"\nheartbeat = "https://example.org/{TOKEN}"\n'
    )
    return file


def test_every_setting_is_shown_and_no_secret(program: Cli, full: Path) -> None:
    shown = program("config", "show", "--config", str(full), "--origin")
    assert shown.code == 0
    for key in leaves(Settings):
        assert f"{'.'.join(key)} " in shown.out
    for secret in (*SECRETS, TOKEN):
        assert secret not in shown.said
    assert shown.out.count("(hidden)") == 8
    assert max(map(len, shown.out.splitlines()[1:])) <= 80 + len(str(full))


def test_what_is_shown_is_a_settings_file_with_the_same_settings(
    program: Cli, tmp_path: Path
) -> None:
    shown = program("config", "show", "--origin", "--profile", "zeroclaw", "--qr", "png:a b.png")
    assert tomllib.loads(shown.out)["pairing"]["qr"] == ["png:a b.png"]
    (tmp_path / "kept.toml").write_text(shown.out)
    again = load_settings(tmp_path / "kept.toml").settings
    given = {"profile": "zeroclaw", "pairing": {"qr": ["png:a b.png"]}}
    assert again == load_settings(None, given).settings


def test_the_origin_of_each_is_told(
    program: Cli, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_STOP__DRAIN", "2")
    answer = program("config", "show", "--json", "--config", str(full), "--session", "shop")
    settings = json.loads(answer.out)["settings"]
    assert settings["session"] == {
        "value": "shop",
        "origin": "command line",
        "place": "--session",
    }
    assert settings["stop.drain"] == {
        "value": 2.0,
        "origin": "environment",
        "place": "WA_SUPERVISOR_STOP__DRAIN",
    }
    assert settings["profile"]["place"] == str(full)
    assert settings["policy.backoff.cap"] == {
        "value": 300.0,
        "origin": "profile",
        "place": "zeroclaw",
    }
    assert settings["pairing.phone"]["value"] == "(hidden)"


def test_settings_that_can_be_used_are_said_to_be(program: Cli, full: Path) -> None:
    answer = program("config", "check", "--config", str(full))
    assert (answer.code, answer.err) == (0, "")
    assert str(full) in answer.out
    assert "can be used for session 'default'" in answer.out


def test_a_warning_does_not_fail_a_check(program: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('data_dir = "here"')
    answer = program("config", "check", "--config", "x.toml")
    assert answer.code == 0
    assert "warning: data_dir in x.toml is relative" in answer.err
    (warning,) = json.loads(program("config", "check", "--config", "x.toml", "--json").out)[
        "warnings"
    ]
    assert warning.startswith("data_dir in x.toml")


def test_a_check_finds_a_bot_without_running_it(program: Cli, tmp_path: Path) -> None:
    (tmp_path / "mybot.py").write_text("open('ran', 'w')\n")
    assert program("config", "check", "--bot", "mybot:register").code == 0
    answer = program("config", "check", "--bot", "nobot:register")
    assert answer.code == Exit.USAGE
    assert f"bot: there is no module 'nobot' in {tmp_path}" in answer.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_place_that_cannot_be_written_is_found(program: Cli) -> None:
    answer = program("config", "check", "--qr", "png:/proc/qr.png")
    assert answer.code == Exit.USAGE
    assert "cannot show a QR in qr.png: /proc cannot be written to" in answer.err


def test_a_check_leaves_nothing_behind(program: Cli, tmp_path: Path) -> None:
    assert program("config", "check", "--qr", "png:qr.png", "--qr", "payload:code").code == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--on-give-up", "shrug"], "'--on-give-up': 'shrug' is not one of 'wait', 'exit'"),
        (["crashes", "--limit", "0"], "'--limit': must be at least 1"),
        (["crashes", "--limit", "x"], "'--limit': must be a whole number"),
        (["config", "chek"], "'chek' is not one of 'show', 'check'"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_in_our_words(
    program: Cli, arguments: list[str], said: str
) -> None:
    answer = program(*arguments)
    assert answer.code == Exit.USAGE
    assert said in " ".join(answer.err.split())
    assert "Value error" not in answer.err
    assert "Input should" not in answer.err
