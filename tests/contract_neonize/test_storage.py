"""What neonize keeps of a session, where, and what it says when it cannot."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract_neonize.conftest import devices
from lab.bare import bare_client
from wa_loopback import PairFault

if TYPE_CHECKING:
    from loopback.conftest import Clients
    from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e

BELONGS_TO_NO_DEVICE = {"whatsmeow_lid_map", "whatsmeow_privacy_tokens", "whatsmeow_version"}
"""What a DELETE of the device's row leaves behind."""


def ask(database: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as opened:
        return opened.execute(question).fetchall()


async def raised(server: LoopbackServer, database: Path) -> str:
    """What connect() raises on this database."""
    async with bare_client(server.endpoint, database) as client:
        return str((await client.expect("raised"))["error"])


async def test_the_device_is_stored_when_the_scan_succeeds_before_the_first_login(
    server: LoopbackServer, clients: Clients
) -> None:
    client = await clients.start()
    code = await client.expect("qr")
    await server.phone().scan(code["payload"], fault=PairFault.NO_RESTART)
    await client.event("PairStatus")
    assert server.logins == 0
    assert devices(client.database) == 1
    client.process.kill()
    await client.exit()
    again = await clients.start()
    await again.event("Connected")


async def test_a_database_whose_device_was_deleted_stays_and_pairs_again(clients: Clients) -> None:
    paired = await clients.pair()
    await paired.phone.remove(paired.device)
    await paired.client.event("LoggedOut")
    paired.client.process.kill()
    await paired.client.exit()
    assert devices(paired.client.database) == 0
    again = await clients.start()
    await again.expect("qr")


async def test_a_session_is_one_file_without_a_write_ahead_log(clients: Clients) -> None:
    paired = await clients.pair()
    database = paired.client.database
    assert ask(database, "PRAGMA journal_mode") == [("delete",)]
    paired.client.process.kill()
    await paired.client.exit()
    assert sorted(each.name for each in database.parent.iterdir()) == [database.name]


async def test_the_schema_is_version_15_and_versions_since_8_can_read_it(clients: Clients) -> None:
    client = await clients.start()
    await client.expect("qr")
    assert ask(client.database, "SELECT version, compat FROM whatsmeow_version") == [(15, 8)]


async def test_every_table_but_three_goes_with_its_device(clients: Clients) -> None:
    client = await clients.start()
    await client.expect("qr")
    tables = {
        str(name)
        for (name,) in ask(client.database, "SELECT name FROM sqlite_master WHERE type = 'table'")
        if not str(name).startswith("sqlite_")
    }
    cascading = {
        table
        for table in tables
        for key in ask(client.database, f"PRAGMA foreign_key_list({table})")
        if key[6] == "CASCADE"
    }
    assert tables - cascading == BELONGS_TO_NO_DEVICE | {"whatsmeow_device"}


async def test_a_name_is_a_uri_whose_question_mark_ends_the_path_and_neonizes_own_options(
    server: LoopbackServer, database: Path
) -> None:
    named = database.with_name("one.db?two.db")
    assert "foreign keys are not enabled" in await raised(server, named)
    assert not named.exists()
    assert named.with_name("one.db").exists()


async def test_a_lock_is_waited_for_some_seconds_and_then_raises_database_is_locked(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    paired.client.process.kill()
    await paired.client.exit()
    with closing(sqlite3.connect(paired.client.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "database is locked" in await raised(server, paired.client.database)
    assert devices(paired.client.database) == 1


@pytest.fixture
def rubbish(database: Path) -> Path:
    database.write_bytes(b"this is no database. " * 500)
    return database


async def test_a_file_that_is_no_database_raises_file_is_not_a_database(
    server: LoopbackServer, rubbish: Path
) -> None:
    assert "file is not a database" in await raised(server, rubbish)


async def test_a_directory_that_is_missing_raises_unable_to_open_database_file(
    server: LoopbackServer, database: Path
) -> None:
    missing = database.with_name("missing") / "session.db"
    assert "unable to open database file" in await raised(server, missing)
    assert not missing.parent.exists()


async def test_a_newer_schema_raises_unsupported_database_schema_version(
    server: LoopbackServer, clients: Clients
) -> None:
    paired = await clients.pair()
    paired.client.process.kill()
    await paired.client.exit()
    newer = paired.client.database.with_name("newer.db")
    shutil.copy(paired.client.database, newer)
    with closing(sqlite3.connect(newer)) as opened, opened:
        opened.execute("UPDATE whatsmeow_version SET version = 99, compat = 99")
    assert "unsupported database schema version" in await raised(server, newer)
