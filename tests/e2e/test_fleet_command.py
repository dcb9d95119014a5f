"""`wa-supervisor fleet` as the page on it has an operator type it, on the real client."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("procrastinate", reason="the extra `fleet` is not installed")

import httpx
from pydantic import SecretStr

from e2e.processes import ends_within, until
from pairing.eyes import picture_in, read
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.report import report
from wa_supervisor.redaction import url_secrets
from web.test_server import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.harness import World
    from wa_supervisor.fleet.report import SessionReport

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(180)]

PAGE = Path(__file__).parents[2] / "docs/fleet.md"


def quick_start() -> list[list[str]]:
    """The commands of the page's quick start, without what is the shell's."""
    block = PAGE.read_text("utf-8").partition("```console\n")[2].partition("```")[0]
    lines = re.findall(r"^\$ wa-supervisor (.*?)(?:\s+#.*)?$", block, re.MULTILINE)
    return [shlex.split(line) for line in lines]


@dataclass
class Process:
    """A command that runs."""

    process: asyncio.subprocess.Process
    reading: asyncio.Task[tuple[None, None]]
    said: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    async def ends(self, seconds: float) -> int:
        ending = asyncio.ensure_future(self.process.wait())
        assert await ends_within(ending, seconds, self.process.pid), self.text
        return ending.result()


@dataclass
class Operator:
    """Types commands; the canary hears whatever they answer."""

    world: World
    environment: dict[str, str]
    database: FleetDatabase
    all: list[Process] = field(default_factory=list)

    async def begin(self, *arguments: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wa_supervisor", *arguments),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=self.environment,
            cwd=self.world.directory,
        )
        said: list[str] = []

        async def read(name: str, stream: asyncio.StreamReader | None) -> None:
            assert stream is not None
            async for line in stream:
                text = line.decode().rstrip()
                self.world.canary.hear(f"the {name} of {arguments[:2]}", text)
                said.append(text)

        reading = asyncio.gather(read("stdout", process.stdout), read("stderr", process.stderr))
        begun = Process(process, asyncio.ensure_future(reading), said)
        self.all.append(begun)
        return begun

    async def type(self, *arguments: str, code: int = 0) -> str:
        begun = await self.begin(*arguments)
        assert await begun.ends(30) == code, begun.text
        await begun.reading
        return begun.text

    async def until_owned_by(self, worker: str) -> SessionReport:
        """Wait until the only session is connected there."""
        async with asyncio.timeout(40):
            while True:
                (shop,) = (await asyncio.to_thread(report, self.database)).sessions
                if shop.owner == worker and shop.is_ready:
                    return shop
                await asyncio.sleep(0.1)


@pytest.fixture
async def operator(world: World, postgres: SecretStr) -> AsyncIterator[Operator]:
    for secret in url_secrets(postgres.get_secret_value()):
        world.canary._learn("database password", secret)
    environment = world.environment(
        WA_SUPERVISOR_FLEET__DATABASE=postgres.get_secret_value(), PYTHONUNBUFFERED="1"
    )
    with FleetDatabase(postgres) as database:
        typing = Operator(world, environment, database)
        yield typing
    for each in typing.all:
        if each.process.returncode is None:
            each.process.kill()
        await each.process.wait()
        await each.reading


async def scan(world: World, png: Path) -> None:
    await until(lambda: png.exists() and read(picture_in(png)), 30)
    (payload,) = read(picture_in(png))
    world.canary.learn_qr(payload)
    await world.server.phone().scan(SecretStr(payload))


async def test_the_quick_start_pairs_a_session_that_then_moves_and_is_handed_over(
    world: World, operator: Operator
) -> None:
    first, second, add, qr, status = quick_start()
    w1 = await operator.begin(*first, "--web", f"127.0.0.1:{free_port()}")
    await until(lambda: "takes sessions" in w1.text, 30)
    w2 = await operator.begin(*second)
    await until(lambda: "takes sessions" in w2.text, 30)
    assert "shop: added" in await operator.type(*add)

    shown = await operator.begin(*qr)
    png = world.directory / qr[qr.index("--png") + 1]
    await scan(world, png)
    assert await shown.ends(40) == 0, shown.text
    shop = await operator.until_owned_by("w1")
    assert (shop.paired, shop.epoch, shop.state) == (True, 1, "Connected")
    said = await operator.type(*status)
    assert said.startswith("2 workers (2 alive); 1 of 1 session connected.")
    await look_at_the_page(world, w1)

    await operator.type("fleet", "move", "shop", "w2")
    assert (await operator.until_owned_by("w2")).epoch == 2
    w2.process.send_signal(signal.SIGTERM)
    assert await w2.ends(20) == 0, w2.text
    assert (await operator.until_owned_by("w1")).epoch == 3
    assert [each.name for each in report(operator.database).workers] == ["w1"]
    log = world.directory / "w1" / "sessions" / "shop" / "run.log"
    assert "starting the client" in log.read_text()

    await operator.type("fleet", "add", "club")
    code = await operator.begin("qr", "--session", "club", "--data-dir", "w1", "--png", "club.png")
    await until((world.directory / "club.png").exists, 30)
    w1.process.send_signal(signal.SIGTERM)
    with pytest.raises(AssertionError):
        await w1.ends(3)  # it waits for the phone's owner
    w1.process.send_signal(signal.SIGTERM)
    assert await w1.ends(15) == 0, w1.text
    await code.ends(20)


async def look_at_the_page(world: World, worker: Process) -> None:
    """Ask the worker's page what it says of the fleet."""
    token = (world.directory / "w1" / "web" / "view.token").read_text().strip()
    at = re.search(r"the page is at (http://\S+);", worker.text)
    assert at is not None, worker.text
    async with httpx.AsyncClient(
        base_url=at[1], headers={"authorization": f"Bearer {token}"}
    ) as viewer:
        assert "1 of 1 session connected" in (await viewer.get("/fleet")).text
        metrics = (await viewer.get("/metrics")).text
        assert 'wa_supervisor_fleet_workers{state="alive"} 2.0' in metrics
        assert 'wa_supervisor_ready{session="shop"} 1.0' in metrics
        assert (await viewer.get("/readyz")).status_code == 200
