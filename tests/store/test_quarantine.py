from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.sessions import JID, SECRET, mark_of, seen, write_session
from wa_supervisor.errors import StoreError
from wa_supervisor.hints import Action, Hint
from wa_supervisor.private_files import sha256
from wa_supervisor.store import SessionFiles, SqliteVault, expire, quarantined
from wa_supervisor.store.intent import MANIFEST
from wa_supervisor.store.sqlite.device import is_paired


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    files = SessionFiles.open("shop", tmp_path)
    write_session(files.database, "a")
    return files


def test_the_whole_session_is_set_aside_and_the_rest_stays(files: SessionFiles) -> None:
    SqliteVault(files).take_snapshot(3)
    write_session(files.database, "b")
    files.lock.touch(mode=0o600)
    files.journal.touch(mode=0o600)
    entry = SqliteVault(files).purge("logged_out", 3)
    assert entry is not None
    assert seen(files) == (None, (), (("logged_out", "b", "a"),))
    assert {path.name for path in files.directory.iterdir()} == {
        "lock",
        "journal.db",
        "quarantine",
    }


def test_the_manifest_says_why_and_what_and_no_secret(files: SessionFiles) -> None:
    write_session(files.database, "b")
    expected = sha256(files.database)
    before = datetime.now(UTC)
    entry = SqliteVault(files).purge("login_rejected", 9)
    assert entry is not None
    written = (entry.directory / MANIFEST).read_text()
    content = json.loads(written)
    assert content["reason"] == "login_rejected"
    assert content["session"] == "shop"
    assert content["generation"] == 9
    assert before <= datetime.fromisoformat(content["created"]) <= datetime.now(UTC)
    (file,) = content["files"]
    assert file == {
        "name": "session.db",
        "size": (entry.directory / "session.db").stat().st_size,
        "sha256": expected,
        "paired": True,
    }
    assert set(content["versions"]) == {"python", "sqlite", "wa-supervisor", "neonize"}
    assert "unknown" not in content["versions"].values()
    for secret in (JID, JID.partition(":")[0], SECRET):
        assert secret not in written
        assert secret not in repr(entry)
    assert entry.id == f"{entry.created:%Y%m%dT%H%M%SZ}-login_rejected"


def test_nothing_there_is_nothing_to_set_aside(tmp_path: Path) -> None:
    files = SessionFiles.at("shop", tmp_path)
    assert SqliteVault(files).purge("logged_out") is None
    files.prepare()
    assert SqliteVault(files).purge("logged_out") is None
    assert list(files.directory.iterdir()) == []


def test_the_next_database_is_fresh_and_private(files: SessionFiles) -> None:
    SqliteVault(files).purge("logged_out")
    files.prepare()
    assert not is_paired(files.database)
    assert files.database.stat().st_mode & 0o777 == 0o600


def test_two_purges_in_one_second_are_two_entries(files: SessionFiles) -> None:
    SqliteVault(files).purge("logged_out")
    write_session(files.database, "b")
    SqliteVault(files).purge("logged_out")
    assert seen(files) == (None, (), (("logged_out", "b"), ("logged_out", "a")))


def test_a_session_in_wal_mode_is_set_aside_as_one_whole_file(files: SessionFiles) -> None:
    with closing(sqlite3.connect(files.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    entry = SqliteVault(files).purge("logged_out")
    assert entry is not None
    assert [path.name for path in entry.directory.glob("session.db*")] == ["session.db"]
    assert entry.has_keys


def test_a_damaged_database_is_set_aside_as_it_is_with_its_sidecars(files: SessionFiles) -> None:
    files.database.write_bytes(b"this was a database" * 300)
    for path in files.sidecars:
        path.write_bytes(b"and this its sidecar")
        path.chmod(0o600)
    entry = SqliteVault(files).purge("operator")
    assert entry is not None
    assert entry.manifest is not None
    assert {file.name for file in entry.manifest.files} == {
        "session.db",
        "session.db-wal",
        "session.db-shm",
        "session.db-journal",
    }
    assert all(file.paired is None for file in entry.manifest.files)
    assert (entry.directory / "session.db").read_bytes() == b"this was a database" * 300
    assert not any(path.exists() for path in (files.database, *files.sidecars))


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_that_another_process_uses_is_not_moved(files: SessionFiles, mode: str) -> None:
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute(f'PRAGMA journal_mode={sys.argv[2]}')\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute(\"UPDATE mark SET value = 'b'\")\n"
        "print('in', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, files.database, mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"session\.db is locked: another process") as caught:
            SqliteVault(files).purge("logged_out")
        assert time.monotonic() - begun < 6
        assert caught.value.hint == Hint(Action.FIND_USER, str(files.database))
        assert not files.quarantine.exists()
        other.communicate(timeout=10)
    assert SqliteVault(files).purge("logged_out") is not None
    assert seen(files) == (None, (), (("logged_out", "a"),))


def test_a_reader_in_wal_mode_is_noticed_too(files: SessionFiles) -> None:
    with closing(sqlite3.connect(files.database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("UPDATE mark SET value = 'b'")
        with pytest.raises(StoreError, match="locked"):
            SqliteVault(files).purge("logged_out")
    assert mark_of(files.database) == "b"


def test_a_directory_in_the_place_of_the_database_is_an_error(files: SessionFiles) -> None:
    files.database.unlink()
    (files.database / "inside").mkdir(parents=True)
    with pytest.raises(StoreError) as caught:
        SqliteVault(files).purge("logged_out")
    assert str(files.directory) not in str(caught.value)
    assert (files.database / "inside").exists()


def test_a_symbolic_link_is_not_followed(files: SessionFiles, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    files.database.rename(elsewhere)
    files.database.symlink_to(elsewhere)
    with pytest.raises(StoreError, match="cannot set the session aside"):
        SqliteVault(files).purge("logged_out")
    assert elsewhere.exists()
    assert files.database.is_symlink()


def fill(files: SessionFiles, *marks: str) -> None:
    for mark in marks:
        write_session(files.database, mark.lstrip("-"), paired=not mark.startswith("-"))
        SqliteVault(files).purge("operator")


def marks(files: SessionFiles) -> list[object]:
    return [entry[1] for entry in seen(files)[2]]


def test_the_oldest_beyond_the_limit_are_removed(files: SessionFiles) -> None:
    fill(files, "a", "b", "c", "d")
    gone = expire(files, keep=2)
    assert marks(files) == ["d", "c"]
    assert len(gone) == 2
    assert expire(files, keep=2) == ()


def test_those_without_keys_are_removed_first(files: SessionFiles) -> None:
    fill(files, "a", "b", "-c", "-d")
    expire(files, keep=3)
    assert marks(files) == ["-d", "b", "a"]
    expire(files, keep=1)
    assert marks(files) == ["b"]


def test_what_is_too_old_is_removed(files: SessionFiles, caplog: pytest.LogCaptureFixture) -> None:
    fill(files, "a", "b", "c")
    newest, middle, oldest = quarantined(files)
    for entry, days in ((middle, 29.9), (oldest, 30.1)):
        assert entry.manifest is not None
        aged = entry.manifest.model_copy(
            update={"created": datetime.now(UTC) - timedelta(days=days)}
        )
        (entry.directory / MANIFEST).write_text(aged.model_dump_json())
    with caplog.at_level(logging.INFO, "wa_supervisor"):
        assert expire(files, days=30) == (oldest.id,)
    assert [each.id for each in quarantined(files)] == [newest.id, middle.id]
    assert oldest.id in caplog.text


def test_an_unreadable_manifest_counts_as_keys_and_ages_by_its_name(files: SessionFiles) -> None:
    fill(files, "a", "-b")
    oldest = quarantined(files)[-1]
    (oldest.directory / MANIFEST).write_text("{")
    assert quarantined(files)[-1].manifest is None
    expire(files, keep=1)
    assert [each.id for each in quarantined(files)] == [oldest.id]
    old = oldest.directory.rename(files.quarantine / "20010101T000000Z-operator")
    assert expire(files) == (old.name,)


def test_foreign_files_in_the_quarantine_are_left_alone(files: SessionFiles) -> None:
    fill(files, "a")
    (files.quarantine / "notes.txt").write_text("mine")
    (files.quarantine / "old").mkdir()
    expire(files, keep=1)
    assert {path.name for path in files.quarantine.iterdir()} >= {"notes.txt", "old"}
    assert len(quarantined(files)) == 1


def test_what_nothing_vouches_for_may_have_keys(files: SessionFiles) -> None:
    (files.quarantine / "20260101T000000Z-logged_out").mkdir(parents=True, mode=0o700)
    (entry,) = quarantined(files)
    assert entry.manifest is None
    assert entry.has_keys
