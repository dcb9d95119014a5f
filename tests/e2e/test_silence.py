"""What neonize keeps to itself is told all the same, and what is no longer so is not told."""

from __future__ import annotations

import asyncio
import textwrap
from typing import TYPE_CHECKING

import pytest

from e2e.link_world import LinkWorld, link_world
from e2e.processes import until
from wa_loopback import Failure, PairFault, StreamError
from wa_loopback.answers import RESTART
from wa_loopback.observations import LoginAnswered
from wa_supervisor.lifecycle import Logout, facts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor.session.parent.fork_servers import ForkServers

pytestmark = pytest.mark.e2e

# goneonize prints a line before it enters its event loop. A standard error that is full for a
# second holds it there, while whatsmeow takes the refusal and deletes the device. Not for longer:
# Go's println keeps a processor to itself while it waits.
HELD_UP = """
    import os, threading, time

    def register(client):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        for size in (65536, 1):
            try:
                while True:
                    os.write(writing, bytes(size))
            except BlockingIOError:
                pass
        os.set_blocking(writing, True)
        os.dup2(writing, 2)

        def drain():
            time.sleep(1)
            while os.read(reading, 65536):
                pass

        threading.Thread(target=drain, daemon=True).start()
"""


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork_servers: ForkServers
) -> AsyncIterator[LinkWorld]:
    monkeypatch.chdir(tmp_path)
    async with link_world(tmp_path, monkeypatch, fork_servers) as world:
        yield world


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (Failure(401, close=False), Logout.REJECTED),
        (Failure(403, close=False), Logout.LOCKED),
        (Failure(406, close=False), Logout.BANNED),
        (StreamError("401", "device_removed", close=False), Logout.REMOVED),
    ],
    ids=lambda value: value.name if isinstance(value, Logout) else "",
)
async def test_a_logout_that_comes_before_neonize_listens_is_told_once(
    world: LinkWorld, answer: Failure | StreamError, how: Logout
) -> None:
    await world.pair()
    await world.stop()
    (world.directory / "heldup.py").write_text(textwrap.dedent(HELD_UP))
    world.server.on_login(answer)
    await world.start(paired=True, bot="heldup:register")
    assert await world.expect(facts.ChildFact) == facts.LoggedOut(2, how)
    await world.stop()


async def test_a_rejection_of_the_keys_is_told_though_the_client_is_being_stopped(
    world: LinkWorld,
) -> None:
    """whatsmeow redials a lost connection by itself, and stop() drops what it is just hearing."""
    await world.pair()
    await world.stop()
    keys = (world.directory / "session.db").read_bytes()
    for number in range(8):
        (world.directory / "session.db").write_bytes(keys)
        await world.start(paired=True)
        await world.expect(facts.Connected)
        connection = await world.server.wait_connected(world.server.phone("15550001111"))
        world.server.on_login(Failure(401))
        await connection.drop()
        await world.expect(facts.Disconnected)
        await asyncio.sleep(number / 100)
        await world.link.stop()
        posted = [await world.expect(facts.ChildFact), await world.expect(facts.ChildFact)]
        assert isinstance(posted[0], facts.LoggedOut), number
        assert isinstance(posted[1], facts.ChildExited)


async def test_a_refused_registration_is_no_logout(world: LinkWorld) -> None:
    world.server.on_registration(Failure(401, close=False))
    await world.start()
    told = await world.expect(facts.PairingFailed)
    assert told.status == "err-unexpected-state"
    await world.stop(pairing=True)
    assert not any(isinstance(fact, facts.LoggedOut) for fact in world.heard)


@pytest.mark.long
async def test_a_second_dial_that_fails_after_pairing_is_told(world: LinkWorld) -> None:
    """whatsmeow dials once after a 515, and says nothing if that fails."""
    await world.start()
    qr = await world.expect(facts.QrOffered)
    device = await world.server.phone().scan(qr.payload, fault=PairFault.NO_RESTART)
    await world.expect(facts.PairSucceeded)
    world.server.refuse()
    (connection,) = world.server.connections
    assert connection.device is device
    connection.send(RESTART.node())
    told = await world.expect(facts.DialFailed, within=20)
    assert told.detail == "the connection closed without a word"


@pytest.mark.long
async def test_a_connection_lost_for_good_without_an_event_is_told(world: LinkWorld) -> None:
    connection = await world.paired_connection()
    world.server.refuse()
    await connection.stream_error("515", close=False)
    await world.expect(facts.DialFailed, within=20)


@pytest.mark.long
async def test_redials_of_whatsmeow_are_not_taken_for_silence(world: LinkWorld) -> None:
    connection = await world.paired_connection()
    world.server.refuse()
    await connection.drop()
    await world.expect(facts.Disconnected)
    await asyncio.sleep(7)  # longer than the watch is patient
    assert isinstance(world.heard[-1], facts.Disconnected)
    world.server.accept()
    await world.expect(facts.Connected, within=30)


@pytest.mark.long
async def test_a_connected_whose_socket_has_closed_is_not_told(world: LinkWorld) -> None:
    """whatsmeow says Connected some requests after the login, whether they were answered or not."""
    await world.pair()
    await world.stop()
    server = world.server
    server.answer_iqs = False
    before = len(server.log)
    await world.start(paired=True)
    await until(lambda: any(isinstance(seen, LoginAnswered) for seen in server.log[before:]))
    (connection,) = server.connections
    await asyncio.sleep(0.3)  # the success has arrived, and the first request waits for its answer
    server.refuse()
    await connection.drop()
    await world.expect(facts.Disconnected)
    # Its request waits 5 s for another connection, then whatsmeow says Connected (`request.go`).
    await asyncio.sleep(8)
    assert isinstance(world.heard[-1], facts.Disconnected)
