"""`gate show`: what it says of a gate that nobody has set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from wa_supervisor.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

BOT_HEARS_ALL = "Only a bot hears everybody, until somebody is allowed or denied"


def shown(directory: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["gate", *arguments, "--data-dir", str(directory)])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_bot_hears_everybody_until_somebody_is_denied(tmp_path: Path) -> None:
    said = shown(tmp_path, "show")
    assert "Nobody may write." in said
    assert BOT_HEARS_ALL in said
    shown(tmp_path, "deny", "+4915112345678")
    said = shown(tmp_path, "show")
    assert "Nobody may write." in said
    assert BOT_HEARS_ALL not in said


def test_a_bot_hears_who_is_listed_once_somebody_is_allowed(tmp_path: Path) -> None:
    shown(tmp_path, "allow", "+4915112345678")
    assert BOT_HEARS_ALL not in shown(tmp_path, "show")
