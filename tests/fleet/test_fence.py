"""The fence around a session's keys and the real client: who was overtaken does no harm."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from e2e.fork_servers import fork_servers
from e2e.link_world import LinkWorld, link_world
from e2e.processes import until
from e2e.test_messages import kept
from fleet.key_world import KeyWorld, keys_of
from lab.processes import alive
from store.devices import connect
from wa_supervisor.fleet.session_url import session_url
from wa_supervisor.lifecycle import facts
from wa_supervisor.session.shared.spec import InboxSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.fleet.ownership import Ownership
    from wa_supervisor.session.parent.fork_servers import ForkServers

__all__ = ["fork_servers"]

NUMBER = "15550001111"


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork_servers: ForkServers
) -> AsyncIterator[LinkWorld]:
    async with link_world(tmp_path, monkeypatch, fork_servers) as world:
        yield world


def test_who_was_overtaken_waits_and_keeps_nobody_waiting(fleet: FleetDatabase) -> None:
    session = KeyWorld(fleet.url, fleet)
    one = session.add()
    keys_of(fleet, one).before_dial(1)
    session.write(one, "a")
    two = session.claim("two")
    ends: list[str | None] = []
    connection = connect(session_url(fleet.url, one))

    def write() -> None:
        try:
            connection.execute("DELETE FROM whatsmeow_device")
        except psycopg.Error as error:
            ends.append(error.sqlstate)

    writing = threading.Thread(target=write)
    writing.start()
    keys = keys_of(fleet, two)
    assert keys.before_dial(2) is True
    session.write(two, "b")
    keys.purge("logged_out")
    three = session.claim("three")
    assert keys_of(fleet, three).before_dial(3) is False
    assert writing.is_alive()
    connection.cancel_safe()
    writing.join(10)
    assert ends == ["57014"]  # cancelled: it had not been refused yet
    connection.close()
    assert session.seen() == (None, (), (("logged_out", "b", "a"),))


@pytest.mark.e2e
@pytest.mark.timeout(120)
async def test_a_client_that_was_overtaken_acknowledges_nothing_and_the_new_one_gets_it(
    world: LinkWorld, fleet: FleetDatabase, tmp_path: Path
) -> None:
    session = KeyWorld(fleet.url, fleet)
    boxes = [InboxSpec(tmp_path / name) for name in ("one", "two")]

    def begin(owner: Ownership, generation: int) -> dict[str, Any]:
        paired = keys_of(fleet, owner).before_dial(generation)
        url, box = session_url(fleet.url, owner), boxes[generation - 1]
        return {"postgres": url, "inbox": box, "paired": paired}

    one = await asyncio.to_thread(session.add)
    await world.pair(**await asyncio.to_thread(begin, one, 1))
    phone = world.server.phone(NUMBER)
    mailbox = phone.devices[0].mailbox
    ann, bob = world.server.contact("Ann"), world.server.contact("Bob")
    ann.say(phone, "before")
    await until(lambda: not len(mailbox))
    await asyncio.to_thread(keys_of(fleet, one).while_connected, first=True)
    before = await asyncio.to_thread(session.seen_rows)

    two = await asyncio.to_thread(session.claim, "two")
    ann.say(phone, "after")  # its ratchet is known
    bob.say(phone, "from somebody new")
    await asyncio.sleep(1)
    assert len(mailbox) == 2
    assert await asyncio.to_thread(session.seen_rows) == before
    assert world.link.pid is not None
    assert alive(world.link.pid)
    world.kill()  # as its fork server does once its lease has ended
    await world.expect(facts.ChildExited)

    other = LinkWorld(world.server, tmp_path, world.fork_servers)
    await other.start(**await asyncio.to_thread(begin, two, 2))
    await other.expect(facts.Connected)
    await until(lambda: not len(mailbox))
    await other.stop()
    assert [message.text for message in await kept(boxes[0])] == ["before"]
    assert [message.text for message in await kept(boxes[1])] == ["after", "from somebody new"]
