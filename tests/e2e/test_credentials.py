"""Credentials on the real neonize: copied, put back, set aside, and never used by two."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from e2e.harness import quick
from e2e.processes import until
from wa_loopback import Failure
from wa_supervisor.lifecycle.policy import Backoff
from wa_supervisor.private_files import sha256
from wa_supervisor.store import SessionLock, SqliteVault, quarantined
from wa_supervisor.store.sqlite.device import is_paired

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.harness import World
    from wa_loopback import Connection, Device
    from wa_supervisor.store import Quarantined

# Every failure leaves the socket open: whatsmeow may see a close before it has read what came
# first, and redial.

pytestmark = pytest.mark.e2e


def keys_in(database: Path) -> set[bytes]:
    """The private noise keys in a database: they tell devices apart."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {
            bytes(row[0]) for row in connection.execute("SELECT noise_key FROM whatsmeow_device")
        }


def device_of(connection: Connection) -> Device:
    assert connection.device is not None
    return connection.device


def check(entry: Quarantined) -> None:
    assert entry.manifest is not None
    assert entry.manifest.files
    for file in entry.manifest.files:
        assert sha256(entry.directory / file.name) == file.sha256


async def test_a_fresh_pairing_is_copied_as_soon_as_it_connects(world: World) -> None:
    await world.paired()
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    (copy,) = SqliteVault(files).snapshots()
    assert keys_in(copy.path)
    assert copy.path.stat().st_mode & 0o777 == 0o600


async def test_a_stable_connection_is_copied_beside_the_living_client(world: World) -> None:
    stable = Backoff(base=0.1, cap=0.5, jitter=0, stable_after=1)
    run, connection = await world.paired(policy=quick(backoff=stable))
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    first = SqliteVault(files).snapshots()[0]
    keys = keys_in(first.path)
    first.path.unlink()  # it may hold the same: then no second one is made
    await run.fact("StayedUp")
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    assert keys_in(SqliteVault(files).snapshots()[0].path) == keys
    assert run.pid is not None
    assert await world.server.wait_connected(device_of(connection)) is connection


async def test_the_copy_of_a_living_session_logs_in(world: World) -> None:
    run, _ = await world.paired()
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    await run.stop()
    files.database.write_bytes(b"")
    again = world.start()
    await again.reach("Connected")
    assert again.codes.shown == []


async def test_a_false_401_costs_one_restore_and_the_same_device_is_back(world: World) -> None:
    run, connection = await world.paired()
    files, device = world.files(), connection.device
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    world.server.on_login(Failure(401, close=False))
    run.kill()
    await run.reach("LoggedOut", reason="login_rejected")
    await run.reach("Backoff", reason="restored")
    await run.reach("Connected")
    assert device is not None
    await world.server.wait_connected(device)
    await run.stop()
    assert keys_in(files.database) == keys_in(SqliteVault(files).snapshots()[0].path)
    # Either whatsmeow deleted the row, as it does, and the copy made up for it; or it was ended
    # before it could, and nothing had to be put back.
    for aside in quarantined(files):
        check(aside)
        assert aside.id.endswith("-restored")
        assert keys_in(aside.directory / "session.db") == set()


async def test_a_second_401_sets_the_whole_session_aside_and_pairs_afresh(world: World) -> None:
    run, _ = await world.paired()
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    old = keys_in(SqliteVault(files).snapshots()[0].path)
    world.server.on_login(Failure(401, close=False), times=2)
    run.kill()
    await run.reach("Purging")
    await world.pair(run)
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    await run.stop()
    entries = [each for each in quarantined(files) if each.id.endswith("-login_rejected")]
    assert len(entries) == 1
    check(entries[0])
    assert entries[0].has_keys
    kept = [path for path in entries[0].copies(".db") if path.exists()]
    assert any(keys_in(path) == old for path in kept)
    new = keys_in(files.database)
    assert new
    assert new.isdisjoint(old)
    assert all(keys_in(copy.path) == new for copy in SqliteVault(files).snapshots())


async def test_an_unlinked_session_is_in_the_quarantine_as_it_was(world: World) -> None:
    run, connection = await world.paired()
    files, device = world.files(), connection.device
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    old = keys_in(SqliteVault(files).snapshots()[0].path)
    assert device is not None
    device.phone.revoke(device, by_phone=True)
    await connection.stream_error("401", conflict="device_removed", close=False)
    await run.reach("Purging")
    await run.reach("Pairing")
    (entry,) = quarantined(files)
    check(entry)
    assert entry.manifest is not None
    assert entry.manifest.reason == "logged_out"
    assert entry.manifest.generation == 1
    assert any(keys_in(path) == old for path in entry.copies(".db"))
    assert SqliteVault(files).snapshots() == ()
    assert not keys_in(files.database)
    await run.stop()


@pytest.mark.parametrize("code", [403, 406])
async def test_a_locked_or_banned_session_keeps_its_copy_and_a_resume_uses_it(
    world: World, code: int
) -> None:
    run, _ = await world.paired()
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    world.server.on_login(Failure(code, close=False))
    run.kill()
    await run.reach("GaveUp")
    await until(lambda: run.pid is None)
    held = SqliteVault(files).snapshots()
    old = keys_in(held[0].path)
    assert not is_paired(files.database)
    assert not files.quarantine.exists()
    await asyncio.sleep(0.3)
    assert SqliteVault(files).snapshots() == held
    run.supervisor.resume()
    await run.reach("Connected")
    await run.stop()
    assert keys_in(files.database) == old
    assert len(run.codes.shown) == 1


async def test_keys_lost_in_a_crash_of_the_supervisor_are_put_back_before_the_dial(
    world: World,
) -> None:
    """whatsmeow deleted the row; the supervisor was killed before it could note why."""
    run, _ = await world.paired()
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    await run.stop()
    with closing(sqlite3.connect(files.database)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM whatsmeow_device")
    files.journal.unlink(missing_ok=True)
    again = world.start()
    await again.reach("Connected")
    assert again.codes.shown == []
    await again.stop()
    assert len(quarantined(files)) == 1


async def test_an_operator_puts_a_quarantined_session_back(world: World) -> None:
    """Set aside by mistake: WhatsApp still knows the keys, so they log in."""
    run, _ = await world.paired()
    files = world.files()
    await until(lambda: len(SqliteVault(files).snapshots()) == 1)
    world.server.on_login(Failure(401, close=False), times=2)
    run.kill()
    await run.reach("Pairing")
    await run.stop()
    (entry,) = [each for each in quarantined(files) if each.id.endswith("-login_rejected")]
    with SessionLock(files):
        assert SqliteVault(files).restore(entry.id) is not None
    again = world.start()
    await again.reach("Connected")
    assert again.codes.shown == []
