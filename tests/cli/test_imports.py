"""What a command imports: what it needs, and nothing that only the other commands need."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli.commands import HOMES

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = {"neonize", "google.protobuf"}
DRAWING = {"rich", "pygments"}
CODES = {"qrcode", "PIL"}
LOOPBACK = {"cryptography", "wsproto", "wa_loopback"}
SUPERVISING = {"sqlite3", "wa_supervisor.supervisor", "wa_supervisor.journal"}
MACHINE = {"statemachine", "wa_supervisor.lifecycle.chart"}
PLAY = {f"wa_supervisor.{name}" for name in ("diagrams", "faults", "simulation", "testing")}


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    """The modules that the command has imported by its end, and the packages they are in."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wa_supervisor", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 20
    return {line.rpartition("|")[2].strip() for line in lines}


def test_health_imports_next_to_nothing(tmp_path: Path) -> None:
    found = imported(tmp_path, "health", "--session", "shop", "--data-dir", str(tmp_path))
    assert {name for name in found if name.startswith("wa_supervisor")} == {
        "wa_supervisor",
        "wa_supervisor.cli",
        "wa_supervisor.health",
        "wa_supervisor.lazy",
    }
    assert not found & {"pydantic", "typer", "typing", "json", "re", "socket", "enum", "asyncio"}


def test_health_the_long_way_pays_for_nothing_but_the_settings(tmp_path: Path) -> None:
    found = imported(tmp_path, "health", "--data-dir", "$HOME")
    assert "wa_supervisor.settings" in found
    assert not found & (CLIENT | DRAWING | CODES | LOOPBACK | MACHINE | PLAY)


def test_the_list_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    found = imported(tmp_path, "--help")
    modules = {f"wa_supervisor.cli.{home.function.partition(':')[0]}" for home in HOMES.values()}
    assert "wa_supervisor.cli.commands" in found
    assert not found & (
        modules
        | CLIENT
        | DRAWING
        | CODES
        | LOOPBACK
        | MACHINE
        | PLAY
        | SUPERVISING
        | {"pydantic_core"}
    )


@pytest.mark.parametrize("command", ["run", "history", "snapshots"])
def test_a_command_at_work_pays_for_no_play_and_for_no_code_that_does_not_show(
    tmp_path: Path, command: str
) -> None:
    found = imported(tmp_path, command, "--help")
    assert "wa_supervisor.cli.session_options" in found
    assert not found & (CLIENT | CODES | LOOPBACK | PLAY)


def test_status_pays_for_no_chart_no_drawing_and_no_journal_before_they_are_needed(
    tmp_path: Path,
) -> None:
    found = imported(tmp_path, "status", "--session", "shop", "--data-dir", str(tmp_path), "--help")
    assert "wa_supervisor.status" in found
    unused = (SUPERVISING - {"sqlite3"}) | MACHINE | DRAWING | {"wa_supervisor.lifecycle.facts"}
    assert not found & (CLIENT | CODES | LOOPBACK | PLAY | unused)


def test_history_of_a_session_that_is_named_reads_no_settings(tmp_path: Path) -> None:
    found = imported(tmp_path, "history", "--session", "shop", "--data-dir", str(tmp_path))
    assert "wa_supervisor.journal.reader" in found
    unused = {
        "wa_supervisor.settings",
        "wa_supervisor.journal.journal",
        "pydantic_settings",
        "asyncio",
    }
    assert not found & unused


def test_explain_reads_no_settings_and_knows_no_policy(tmp_path: Path) -> None:
    found = imported(tmp_path, "explain", "banned")
    assert "wa_supervisor.lifecycle.reasons" in found
    unused = {"wa_supervisor.settings", "wa_supervisor.store", "wa_supervisor.lifecycle.policy"}
    assert not found & unused
