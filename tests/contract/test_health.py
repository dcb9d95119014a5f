"""`wa-supervisor health`, asking a real socket how things stand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from wa_supervisor.cli.app import app
from wa_supervisor.control import Order, listening
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.status import Status
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from pathlib import Path


def ask_health(data_dir: Path) -> tuple[int, str]:
    options = ["health", "--session", "shop", "--data-dir", str(data_dir)]
    result = CliRunner().invoke(app, options)
    return result.exit_code, result.output


def status_in(phase: Phase, reason: Reason | None = None) -> Status:
    session = Session(phase=phase, reason=reason)
    return Status.of(session, "shop", now=0.0, wall=datetime.now(UTC))


@pytest.mark.parametrize("phase", Phase)
async def test_only_a_connected_session_is_healthy(tmp_path: Path, phase: Phase) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    orders = dict.fromkeys(Order, lambda: None)
    async with listening(files, orders, lambda: status_in(phase)):
        code, said = await asyncio.to_thread(ask_health, tmp_path / "data")
    assert code == (0 if phase is Phase.ONLINE else 1)
    assert said.startswith(f"shop: {phase.state.value}")
    assert len(said.splitlines()) == 1


async def test_the_line_says_why(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    status = status_in(Phase.GAVE_UP, Reason.LOCKED)
    async with listening(files, {}, lambda: status):
        code, said = await asyncio.to_thread(ask_health, tmp_path / "data")
    assert code == 1
    assert said == "shop: GaveUp: locked: WhatsApp locked the account (403).\n"


def test_no_supervisor_is_not_healthy(tmp_path: Path) -> None:
    assert ask_health(tmp_path) == (1, "no supervisor runs for session 'shop'\n")


async def test_a_supervisor_that_hangs_is_not_healthy(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path / "data")
    async with listening(files, {}, lambda: status_in(Phase.ONLINE)):
        code, said = ask_health(tmp_path / "data")  # on the loop that should answer
    assert (code, said) == (1, "the supervisor of session 'shop' did not answer\n")
