"""`run` with several sessions: one program, one log, one set of signals."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from lab.faults.command import start_run
from wa_supervisor import StepRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from e2e.canary import Canary
    from e2e.harness import World

pytestmark = pytest.mark.e2e

TABLES = """
[policy.backoff]
base = 0.1
cap = 0.5
[sessions.shop]
profile = "zeroclaw"
[sessions.club]
"""


TAKEN = ("shop", "club", "new")


@dataclass
class Many:
    """The command with several sessions: what it said of each, and its log."""

    canary: Canary
    states: dict[str, str] = field(default_factory=dict)
    log: str = ""
    process: asyncio.subprocess.Process | None = None

    async def run(self, world: World, *arguments: str) -> int:
        own = ["--data-dir", str(world.data_dir), "--json", "--qr", "terminal", *arguments]
        environment = world.environment(E2E_MARK=uuid.uuid4().hex)
        self.process, steps, log = await start_run(*own, env=environment, cwd=world.directory)
        await asyncio.gather(self._read_steps(steps), self._read_log(log))
        return await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    async def _read_steps(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.canary.hear("the command's stdout", line)
            record = StepRecord.parse(line)
            self.states[record.session] = record.after

    async def _read_log(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self.canary.hear("the command's stderr", line)
            self.log += f"{line}\n"


@pytest.fixture
async def started(world: World) -> AsyncIterator[Callable[..., tuple[Many, asyncio.Task[int]]]]:
    runs = []

    def start(*arguments: str) -> tuple[Many, asyncio.Task[int]]:
        many = Many(world.canary)
        runs.append((many, asyncio.create_task(many.run(world, *arguments))))
        return runs[-1]

    yield start
    for many, task in runs:
        if not task.done():
            many.send(signal.SIGKILL)
            await task


async def test_run_all_takes_every_session_that_has_a_table_and_reads_them_again_on_sighup(
    world: World, started: Callable[..., tuple[Many, asyncio.Task[int]]]
) -> None:
    config = world.directory / "many.toml"
    config.write_text(TABLES)
    many, task = started("--all", "--config", str(config))
    await until(lambda: many.states == {"shop": "Pairing", "club": "Pairing"}, 30)
    config.write_text(TABLES.replace("[sessions.club]", "[sessions.new]"))
    many.send(signal.SIGHUP)
    await until(lambda: many.states.get("new") == "Pairing", 30)
    assert many.states["club"] == "Stopped"
    assert not task.done()
    many.send(signal.SIGTERM)
    assert await asyncio.wait_for(task, 8.0) == 0
    assert set(many.states.values()) == {"Stopped"}
    assert "shop: there is a QR to scan; `wa-supervisor qr --session shop" in many.log
    assert "new: starting the client" in many.log
    kept = {name: (world.data_dir / "sessions" / name / "run.log").read_text() for name in TAKEN}
    assert all("starting the client" in text for text in kept.values())
    assert "shop" not in kept["club"]


async def test_a_session_that_another_supervisor_has_keeps_no_other_from_running(
    started: Callable[..., tuple[Many, asyncio.Task[int]]],
) -> None:
    first, ended = started("--session", "shop")
    await until(lambda: first.states == {"shop": "Pairing"}, 30)
    many, task = started("--session", "shop", "--session", "club")
    await until(lambda: many.states == {"club": "Pairing"}, 30)
    refused = next(line for line in many.log.splitlines() if '"event": "shop: ' in line)
    assert '"level": "error"' in refused
    many.send(signal.SIGTERM)
    assert await asyncio.wait_for(task, 8.0) == 3
    assert not ended.done()
    first.send(signal.SIGTERM)
    assert await asyncio.wait_for(ended, 8.0) == 0


async def test_two_sessions_that_would_show_their_codes_in_one_file_are_refused(
    started: Callable[..., tuple[Many, asyncio.Task[int]]], world: World
) -> None:
    code = str(world.directory / "code.png")
    many, task = started("--session", "a", "--session", "b", "--qr", f"png:{code}")
    assert await asyncio.wait_for(task, 15.0) == 2
    assert "'a' and 'b' would show their codes in one file" in many.log
