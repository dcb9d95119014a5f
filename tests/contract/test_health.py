"""`wa-supervisor health`, asking a real socket how things stand."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import wa_supervisor.health
from wa_supervisor.cli.app import app
from wa_supervisor.control import Order
from wa_supervisor.control_server import listening
from wa_supervisor.health import quick_answer
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.status import Status
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from pathlib import Path


Ask = Callable[..., tuple[int, str]]


def ask_the_long_way(data_dir: Path, *more: str) -> tuple[int, str]:
    options = ["health", "--session", "shop", "--data-dir", str(data_dir), *more]
    result = CliRunner().invoke(app, options)
    return result.exit_code, result.output


def ask_quickly(data_dir: Path, *more: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = quick_answer(["--session=shop", "--data-dir", str(data_dir), *more], {})
    assert code is not None
    return code, said.getvalue()


@pytest.fixture(params=[ask_quickly, ask_the_long_way])
def ask_health(request: pytest.FixtureRequest) -> Ask:
    asked: Ask = request.param
    return asked


def status_in(phase: Phase, reason: Reason | None = None) -> Status:
    session = Session(phase=phase, reason=reason)
    return Status.of(session, "shop", now=0.0, wall=datetime.now(UTC))


@pytest.mark.parametrize("phase", Phase)
async def test_only_a_connected_session_is_ready_and_each_is_live(
    ask_health: Ask, tmp_path: Path, phase: Phase
) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    orders = dict.fromkeys(Order, lambda: None)
    async with listening(files, orders, lambda: status_in(phase)):
        code, said = await asyncio.to_thread(ask_health, tmp_path / "data")
        same = await asyncio.to_thread(ask_health, tmp_path / "data", "--ready")
        live = await asyncio.to_thread(ask_health, tmp_path / "data", "--live")
    assert same == (code, said)
    assert live == (0, said)
    assert code == (0 if phase is Phase.ONLINE else 1)
    assert said.startswith(f"shop: {phase.state.value}")
    assert len(said.splitlines()) == 1


async def test_the_line_says_why(ask_health: Ask, tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    status = status_in(Phase.GAVE_UP, Reason.LOCKED)
    async with listening(files, {}, lambda: status):
        code, said = await asyncio.to_thread(ask_health, tmp_path / "data")
    assert code == 1
    assert said == "shop: GaveUp: locked: WhatsApp locked the account (403).\n"


@pytest.mark.parametrize("question", ["--live", "--ready"])
def test_no_supervisor_is_not_healthy(ask_health: Ask, tmp_path: Path, question: str) -> None:
    assert ask_health(tmp_path, question) == (1, "shop: no supervisor runs\n")


@pytest.mark.parametrize("question", ["--live", "--ready"])
async def test_a_supervisor_that_hangs_is_not_healthy(
    ask_health: Ask, tmp_path: Path, question: str
) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    async with listening(files, {}, lambda: status_in(Phase.ONLINE)):
        # On the loop that should answer.
        code, said = ask_health(tmp_path / "data", question)
    assert (code, said) == (1, "shop: the supervisor did not answer within 1 s\n")


async def test_what_the_detail_quotes_adds_no_line(ask_health: Ask, tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    status = status_in(Phase.GAVE_UP, Reason.LOCKED).model_copy(update={"journal": "a\nlive b"})
    async with listening(files, {}, lambda: status):
        code, said = await asyncio.to_thread(ask_health, tmp_path / "data")
    assert code == 1
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--config", "x.toml"],
        ["--session", "../other"],
        ["--session", ".hidden"],
        ["--data-dir", "~/data"],
        ["--data-dir", "$HOME"],
        ["--sesion", "x"],
        ["more"],
    ],
)
def test_what_takes_more_than_a_look_is_left_to_the_long_way(arguments: list[str]) -> None:
    assert quick_answer(arguments, {"HOME": "/nowhere"}) is None


def test_a_settings_file_is_left_to_the_long_way_unless_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "wa-supervisor").mkdir()
    (tmp_path / "wa-supervisor" / "config.toml").touch()
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/nowhere"}
    assert quick_answer([], environment) is None
    assert quick_answer(["--session", "a"], environment) is None
    assert quick_answer(["--session", "a", "--data-dir", str(tmp_path)], environment) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/home/ann"},
        {"HOME": "/home/ann", "XDG_STATE_HOME": "/var/state"},
        {"HOME": "/home/ann", "XDG_STATE_HOME": " "},
        {"HOME": "/home/ann", "WA_SUPERVISOR_DATA_DIR": "/srv/wa"},
        {"HOME": "/home/ann", "wa_supervisor_session": "shop"},
    ],
)
def test_both_ways_look_for_the_session_in_one_place(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    asked: list[str] = []
    for name in (*os.environ,):
        if name.upper().startswith(("WA_SUPERVISOR", "XDG_")):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def note(_: str, session: str, directory: str) -> tuple[int, str]:
        asked.append(f"{session} {directory}")
        return 0, ""

    monkeypatch.setattr(wa_supervisor.health, "answer", note)
    assert quick_answer([], environment) == 0
    CliRunner().invoke(app, ["health"])
    assert len(asked) == 2
    assert asked[0] == asked[1]
