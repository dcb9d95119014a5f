"""A fleet's session on the real client: it passes from worker to worker, and is on one at a time.

What is judged is what the server saw.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("procrastinate", reason="the extra `fleet` is not installed")

from e2e.harness import QUICK
from e2e.processes import until
from fleet.worker_program import read
from wa_supervisor import State
from wa_supervisor.fleet import Worker, orders
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.lease import Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pydantic import SecretStr

    from e2e.harness import World
    from lab.postgres_server import Server
    from wa_loopback import Connection, Device

log = logging.getLogger("wa_supervisor.test")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PROGRAM = Path(__file__).parents[1] / "fleet" / "worker_program.py"
TIMING = Timing(heartbeat_every=0.3, dead_after=3.0, margin=1.2)
if "FLEET_TIMING" in os.environ:  # to measure with what a real fleet has
    TIMING = Timing()


class Programs:
    """Workers that are programs of their own."""

    def __init__(self, world: World, database: SecretStr) -> None:
        self.world = world
        self.database = database
        self.all: dict[str, asyncio.subprocess.Process] = {}

    @property
    def settings(self) -> dict[str, Any]:
        told = self.world.server.endpoint
        return {
            "endpoint": {
                "proxy": told.proxy,
                "ca_file": str(told.ca_file),
                "noise_root": told.noise_root,
            },
            "policy": {"backoff": QUICK.model_dump()},
            "gate": {"direct": "open"},
        }

    async def start(self, name: str) -> None:
        told = {
            "database": self.database.get_secret_value(),
            "name": name,
            "data_dir": str(self.world.data_dir / name),
            "capacity": 5,
            "settings": self.settings,
            "timing": dataclasses.asdict(TIMING),
            "drain": 2.0,
            "log": str(self.log(name)),
            "read": str(self.read),
        }
        process = self.all[name] = await asyncio.create_subprocess_exec(
            sys.executable, PROGRAM, stdin=asyncio.subprocess.PIPE, env=self.world.environment()
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(told).encode())
        process.stdin.close()
        self.log(name).touch()
        await until(lambda: "takes sessions" in self.log(name).read_text(), 20)

    @property
    def read(self) -> Path:
        """What the workers' programs have read: worker, text, whether it came again."""
        return self.world.directory / "read"

    async def until_read(self, *lines: str) -> None:
        self.read.touch()
        await until(lambda: set(lines) <= set(self.read.read_text().splitlines()), 30)

    def log(self, name: str) -> Path:
        return self.world.directory / f"{name}.log"

    def kill(self, name: str, number: signal.Signals) -> None:
        self.all[name].send_signal(number)

    async def end(self) -> None:
        for process in self.all.values():
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.all.values():
            async with asyncio.timeout(20):
                await process.wait()


@pytest.fixture
async def programs(world: World, postgres: SecretStr) -> AsyncIterator[Programs]:
    world.canary.learn_url(postgres.get_secret_value())
    programs = Programs(world, postgres)
    try:
        yield programs
    finally:
        await programs.end()


@pytest.fixture
def fleet(postgres: SecretStr) -> Iterator[FleetDatabase]:
    with FleetDatabase(postgres) as database:
        database.install()
        yield database


def owner(fleet: FleetDatabase) -> tuple[str | None, int]:
    with fleet.transaction() as connection:
        row = connection.execute("SELECT worker, epoch FROM owners").fetchone()
    assert row is not None
    return row["worker"], row["epoch"]


async def pair(world: World, worker: Worker) -> Device:
    """Have a phone scan what the worker's only session shows."""
    await until(lambda: worker.sessions is not None and "shop" in worker.sessions, 20)
    assert worker.sessions is not None
    session = worker.sessions["shop"]
    await until(lambda: session.shown_code() is not None, 30)
    shown = session.shown_code()
    assert shown is not None
    text = shown.text.get_secret_value()
    world.canary.learn_qr(text)
    device = await world.server.phone().scan(text)
    await session.wait_for(State.CONNECTED, substate="online", timeout=30)
    return device


async def other_login(world: World, device: Device, before: Connection) -> Connection:
    """Wait for the next login of a device."""

    def found() -> Connection | None:
        open_ = world.server.connections_of(device)
        return next((each for each in open_ if each.ready and each is not before), None)

    return await world.server.changes.until(found, within=40, what="the next login")


async def survive_postgres(
    world: World, server: Server, login: Connection, took: dict[str, float]
) -> Connection:
    """Have Postgres be away twice; return the login that there is then."""
    device = login.device
    assert device is not None
    # Postgres is away, for a part of the lease: that costs nothing.
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(TIMING.lasts * 2 / 3 - 0.4)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(TIMING.lasts)
    assert list(world.server.connections_of(device)) == [login]

    # For longer: the session process ends before another worker might take the session.
    began = time.monotonic()
    await asyncio.to_thread(server.stop)
    await until(lambda: not world.server.connections_of(device), TIMING.dead_after)
    took["Postgres away, until it is off"] = time.monotonic() - began
    await asyncio.to_thread(server.start)
    began = time.monotonic()
    login = await other_login(world, device, login)
    took["Postgres is back"] = time.monotonic() - began
    return login


@pytest.mark.long
async def test_a_session_passes_on_by_drain_kill_and_freeze_and_is_on_one_worker_at_a_time(
    world: World, programs: Programs, fleet: FleetDatabase, postgres_server: Server
) -> None:
    orders.add(fleet, "shop", {})
    first = Worker(
        programs.database,
        name="w0",
        data_dir=world.data_dir / "w0",
        capacity=5,
        settings=programs.settings,
        timing=TIMING,
        on_session=partial(read, programs.read, "w0"),
    )
    running = asyncio.create_task(first.run())
    device = await pair(world, first)
    login = await world.server.wait_connected(device)
    assert owner(fleet) == ("w0", 1)
    took: dict[str, float] = {}

    login = await survive_postgres(world, postgres_server, login, took)
    assert owner(fleet) == ("w0", 2)
    ann, phone = world.server.contact("Ann"), next(iter(world.server.phones.values()))
    ann.say(phone, "one")
    await programs.until_read("w0 one False")

    # It hands its session over when it is stopped.
    await programs.start("w1")
    began = time.monotonic()
    first.stop()
    login = await other_login(world, device, login)
    took["drain"] = time.monotonic() - began
    await asyncio.wait_for(running, 20)
    assert owner(fleet) == ("w1", 3)
    # What nobody has acknowledged goes with it.
    ann.say(phone, "two")
    await programs.until_read("w1 one True", "w1 two False")

    # A worker that is killed: the other takes over, with its keys, though it has none on its disk.
    await programs.start("w2")
    began = time.monotonic()
    programs.kill("w1", signal.SIGKILL)
    login = await other_login(world, device, login)
    took["kill -9"] = time.monotonic() - began
    assert took["kill -9"] < 12 + 3
    assert owner(fleet) == ("w2", 4)

    # A worker that is frozen: its session process is ended in time, though it cannot do so itself.
    await programs.start("w3")
    began = time.monotonic()
    programs.kill("w2", signal.SIGSTOP)
    await until(lambda: not world.server.connections_of(device), TIMING.dead_after)
    took["SIGSTOP, until it is off"] = time.monotonic() - began
    login = await other_login(world, device, login)
    took["SIGSTOP"] = time.monotonic() - began
    programs.kill("w2", signal.SIGCONT)
    said = programs.log("w2")
    await until(lambda: "lease of worker w2 has ended" in said.read_text(), 10)
    await until(lambda: said.read_text().count("takes sessions") == 2, 20)
    assert owner(fleet) == ("w3", 5)
    # The disk of the worker that was killed is back: what it had received is handed over.
    ann.say(phone, "three")
    await programs.until_read("w3 three False")
    await programs.start("w1")
    await programs.until_read("w3 one True", "w3 two True")
    had = [line for line in programs.read.read_text().splitlines() if line.startswith("w3")]
    assert len(had) == 3
    assert list(world.server.connections_of(device)) == [login]
    assert [each for phone in world.server.phones.values() for each in phone.devices] == [device]
    for what, seconds in took.items():
        log.info("%s: %.2f s", what, seconds)
