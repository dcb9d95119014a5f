"""What a fleet's fence around a session's keys costs a write and a message, and a dial its copy.

The same client, tables and connection, with the triggers and without them in turn.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from wa_loopback import Contact, LoopbackServer, Phone
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.keys import FleetKeys
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.session_url import application_name, schema_of, session_url

from ..bare import bare_client
from ..postgres_server import serving
from .figures import line

_WRITES = 400
_BURST = 200


@dataclass
class _Tables:
    """The client's tables, and what Postgres says of them."""

    connection: psycopg.Connection[tuple[object, ...]]
    owner: Ownership

    def switch(self, state: str) -> None:
        for (table,) in self.connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema_of("shop"),)
        ).fetchall():
            self.connection.execute(f"ALTER TABLE {table} {state} TRIGGER refuse_stale_owner")

    def write(self) -> float:
        """Microseconds of a write as each message makes several: of the ratchet of a contact."""
        began = time.perf_counter()
        for number in range(_WRITES):
            self.connection.execute(
                "INSERT INTO whatsmeow_sessions (our_jid, their_id, session)"
                " SELECT jid, %s, %s FROM whatsmeow_device"
                " ON CONFLICT (our_jid, their_id) DO UPDATE SET session = excluded.session",
                (f"bench {number % 50}", b"x" * 2000),
                prepare=True,
            )
        return (time.perf_counter() - began) / _WRITES * 1e6

    def open(self) -> int:
        """How many connections the client has."""
        (found,) = self.connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND pid <> %s",
            (application_name(self.owner), self.connection.info.backend_pid),
        ).fetchall()
        return int(str(found[0]))


async def fence(runs: int) -> list[str]:
    """Microseconds a write, messages a second, and connections of one session process."""
    with serving() as postgres, postgres.database() as url, FleetDatabase(url) as database:
        database.install()
        with database.transaction() as connection:
            connection.execute("INSERT INTO sessions (name, settings) VALUES ('shop', '{}')")
            connection.execute("INSERT INTO owners (session, epoch) VALUES ('shop', 1)")
        owner = Ownership("shop", "bench", 1)
        keys = FleetKeys(database, owner, keep_snapshots=3, keep_quarantined=5, keep_days=30)
        keys.before_dial(1)
        reached = session_url(url, owner).get_secret_value()
        with psycopg.connect(reached, autocommit=True) as connection:
            return await _measured(_Tables(connection, owner), keys, reached, runs)


async def _measured(tables: _Tables, keys: FleetKeys, reached: str, runs: int) -> list[str]:
    async with LoopbackServer() as server, bare_client(server.endpoint, reached) as client:
        phone, ann = server.phone(), server.contact()
        most = asyncio.create_task(_most(tables))
        await phone.scan((await client.expect("qr"))["payload"])
        await client.event("Connected")
        await _burst(server, phone, ann)
        pairing = await _end(most)
        writes: dict[str, list[float]] = {"without": [], "with": []}
        rates: dict[str, list[float]] = {"without": [], "with": []}
        most = asyncio.create_task(_most(tables))
        for name, state in _turns(runs):
            tables.switch(state)
            writes[name].append(tables.write())
            rates[name].append(await _burst(server, phone, ann))
        busy = await _end(most)
        await asyncio.sleep(2)
        idle = tables.open()
        dials = [await asyncio.to_thread(_before_dial, tables, keys) for _ in range(runs)]
    added = statistics.median(writes["with"]) - statistics.median(writes["without"])
    return [
        line("fence, one write", "µs", **writes) + f"; {added:.0f} µs more",
        line(f"fence, received in bursts of {_BURST}", "messages/s", **rates),
        line("fence, keys looked at and copied before a dial", "ms", changed=dials),
        f"connections: {pairing} at most while it pairs, {busy} in a burst, {idle} idle",
    ]


def _before_dial(tables: _Tables, keys: FleetKeys) -> float:
    tables.write()  # else there is nothing to copy
    began = time.perf_counter()
    assert keys.before_dial(1)
    return (time.perf_counter() - began) * 1e3


def _turns(runs: int) -> Iterator[tuple[str, str]]:
    for _ in range(runs):
        yield "without", "DISABLE"
        yield "with", "ENABLE"


async def _burst(server: LoopbackServer, phone: Phone, ann: Contact) -> float:
    began = time.perf_counter()
    for number in range(_BURST):
        ann.say(phone, f"message {number}")
    await server.wait_acknowledged(phone)
    return _BURST / (time.perf_counter() - began)


async def _most(tables: _Tables) -> int:
    """Count connections until it is cancelled."""
    most = 0
    try:
        while True:
            most = max(most, tables.open())
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        return most


async def _end(task: asyncio.Task[int]) -> int:
    task.cancel()
    return await task
