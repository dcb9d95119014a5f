"""The inbox at its limits, on the real client: full, a full disk, a torn end, and copies."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from e2e.fork_servers import CA_FILE
from e2e.processes import until
from e2e.test_receiving import Program
from lab import processes
from lab.bench.message_programs import Ours
from lab.faults.disk import small_disk, why_no_small_disk
from wa_loopback import LoopbackServer
from wa_supervisor import Policy, Settings, State
from wa_supervisor.lifecycle import Backoff, Reason
from wa_supervisor.setting_groups import InboxSettings
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor import Supervisor
    from wa_supervisor.messages.delivery import Delivery
    from wa_supervisor.session.parent.fork_servers import ForkServers

pytestmark = pytest.mark.e2e

FULL = 20
HALF = 60  # bytes: no record is so short
MEGABYTES = 8  # the reserve of the log is 4
BIG = "x" * 20_000


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer(ca_file=CA_FILE) as running:
        yield running


@pytest.fixture
def program(server: LoopbackServer, tmp_path: Path, fork_servers: ForkServers) -> Program:
    return Program(server, tmp_path, fork_servers)


class SmallInbox(Program):
    """The same with room for a few messages only, and short waits."""

    def settings(self, **gate: Any) -> Settings:
        small = {
            "inbox": InboxSettings(max_messages=FULL),
            "policy": Policy(backoff=Backoff(base=0.1, cap=0.2, jitter=0.0)),
        }
        return super().settings(**gate).model_copy(update=small)


async def texts(messages: AsyncIterator[Delivery], count: int) -> list[str]:
    async with asyncio.timeout(30):
        return [(await anext(messages)).text for _ in range(count)]


def is_full(session: Supervisor) -> bool:
    status = session.status
    return (status.state, status.reason) == (State.BACKOFF, Reason.INBOX_FULL)


async def test_where_nobody_reads_the_client_is_stopped_and_the_rest_waits_at_whatsapp(
    server: LoopbackServer, tmp_path: Path, fork_servers: ForkServers
) -> None:
    program = SmallInbox(server, tmp_path, fork_servers)
    ann = program.server.contact("Ann")
    async with program.running() as session:
        messages = session.messages()
        await messages.begin()
        await session.wait_for(State.CONNECTED, timeout=30)
        said = 0
        async with asyncio.timeout(60):
            while not is_full(session):
                ann.say(program.phone, f"{said}")
                said += 1
                await asyncio.sleep(0.01)
        received = session.status.received
        assert received is not None
        assert received.is_full
        assert received.waiting >= FULL
        for number in range(said, said + 10):
            ann.say(program.phone, f"{number}")
        assert len(program.phone.devices[0].mailbox) >= 10
        assert await texts(messages, said + 10) == [f"{number}" for number in range(said + 10)]
        await session.wait_for(State.CONNECTED, timeout=30)
        received = session.status.received
        assert received is not None
        assert not received.is_full


async def test_a_torn_end_and_a_second_delivery_cost_nothing_and_come_to_nobody(
    program: Program,
) -> None:
    """What a kill in the middle of a write leaves, and what a lost acknowledgement brings again."""
    news = program.server.newsletter(program.phone)
    log = SessionFiles.at("shop", program.directory).directory / "inbox"
    async with program.running(newsletters="open") as session:
        messages = session.messages()
        await messages.begin()
        await session.wait_for(State.CONNECTED, timeout=30)
        mailbox = program.phone.devices[0].mailbox
        news.say("one")
        assert await texts(messages, 1) == ["one"]
        await program.settled()
        mailbox.lose_receipts = True
        news.say("two")
        assert await texts(messages, 1) == ["two"]
        assert len(mailbox) == 1
        # Half a record at the end of the segment, and the process that wrote it is dead.
        segment = max(log.glob("*.log"))
        (client,) = filter(processes.holds_neonize, processes.descendants_of(os.getpid()))
        os.kill(client, signal.SIGKILL)
        with segment.open("r+b") as file:
            file.write(file.read()[:HALF])
        mailbox.lose_receipts = False
        await until(lambda: session.status.state is not State.CONNECTED)
        await session.wait_for(State.CONNECTED, timeout=30)
        await program.settled()  # "two" was delivered once more
        news.say("three")
        assert await texts(messages, 1) == ["three"]


@pytest.mark.timeout(240)
async def test_a_full_disk_stops_the_client_and_nothing_is_lost_or_doubled(
    server: LoopbackServer, tmp_path: Path
) -> None:
    if (why := why_no_small_disk()) is not None:
        pytest.skip(why)
    files = SessionFiles.at("bench", tmp_path)
    files.prepare_directory()
    inbox = files.directory / "inbox"
    inbox.mkdir(mode=0o700)
    async with small_disk(inbox, MEGABYTES) as disk:
        program = Ours(server, tmp_path, prefix=disk.prefix)
        ann, said = server.contact("Ann"), 0

        def say(count: int) -> None:
            nonlocal said
            for number in range(said, said + count):
                ann.say(program.phone, f"{number} {BIG}")
            said += count

        try:
            await program.start()
            (device,) = program.phone.devices
            say(3)
            await until(lambda: program.handed == said, 30)
            disk.fill()
            say(20)
            await until(lambda: not server.connections_of(device), 30)
            say(10)
            assert len(device.mailbox) >= 10
            disk.free()
            await until(lambda: program.handed == said, 60)
            await server.wait_acknowledged(device, timeout=30)
            await program.stop()
        finally:
            await program.aclose()
    received = await program.received()
    assert received.order == [f"{number} {BIG}" for number in range(said)]
    assert received.twice == 0
