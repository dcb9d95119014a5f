"""A session whose keys are in a real Postgres: the same life, on the real neonize."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

pytest.importorskip("psycopg")

from e2e.processes import until
from store.devices import connect
from wa_supervisor.loopback import Failure
from wa_supervisor.redaction import url_secrets
from wa_supervisor.store import open_vault, quarantined
from wa_supervisor.store.rows import decode

if TYPE_CHECKING:
    from pydantic import SecretStr

    from e2e.harness import World
    from wa_supervisor.store import Vault

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
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
    from wa_supervisor.store import SessionFiles  # noqa: PLC0415

    return open_vault(world.files() if world else SessionFiles.at("none", Path("/none")), url)


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
    await run.reach("Backoff", reason="child_exited")
    await run.reach("Backoff", reason="child_exited")
    door.symlink_to(place)
    await world.pair(run)
    await run.stop()
