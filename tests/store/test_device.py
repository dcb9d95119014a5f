from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.errors import StoreError
from wa_supervisor.hints import Action
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.sqlite.device import is_paired

if TYPE_CHECKING:
    from pathlib import Path

JID = "628123456789:12@s.whatsapp.net"

DIE_WHILE_WRITING = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode={sys.argv[2]}")
connection.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY)")
connection.execute("INSERT INTO whatsmeow_device VALUES ('1:1@s.whatsapp.net')")
connection.execute("CREATE TABLE big (x)")
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM whatsmeow_device")
connection.executemany("INSERT INTO big VALUES (?)", [(os.urandom(3000),) for _ in range(200)])
os.kill(os.getpid(), 9)
"""


def make(database: Path, *jids: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, keys BLOB)")
        connection.executemany(
            "INSERT INTO whatsmeow_device VALUES (?, x'00')", [(j,) for j in jids]
        )


def test_a_device_row_means_paired(tmp_path: Path) -> None:
    make(tmp_path / "session.db", JID)
    assert is_paired(tmp_path / "session.db")


def test_tables_without_a_device_mean_not_paired(tmp_path: Path) -> None:
    make(tmp_path / "session.db")
    assert not is_paired(tmp_path / "session.db")


def test_a_missing_file_means_not_paired_and_is_not_made(tmp_path: Path) -> None:
    assert not is_paired(tmp_path / "session.db")
    assert not is_paired(tmp_path / "nowhere" / "session.db")
    assert list(tmp_path.iterdir()) == []


def test_the_empty_file_of_a_new_session_means_not_paired(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    assert not is_paired(files.database)
    assert files.database.stat().st_size == 0


def test_a_database_of_something_else_means_not_paired(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "session.db")) as connection:
        connection.execute("CREATE TABLE other (jid TEXT)")
    assert not is_paired(tmp_path / "session.db")


def test_a_table_without_the_column_is_an_error(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "session.db")) as connection:
        connection.execute("CREATE TABLE whatsmeow_device (other TEXT)")
    with pytest.raises(StoreError, match="jid"):
        is_paired(tmp_path / "session.db")


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a b", "a&mode=rwc", "ä", "a'b", "%"])
def test_odd_characters_in_the_path_find_the_same_file(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    make(directory / "session.db", JID)
    assert is_paired(directory / "session.db")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_damaged_file_is_an_error_that_says_what_helps(tmp_path: Path) -> None:
    (tmp_path / "session.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(
        StoreError, match=r"session\.db is damaged: file is not a database"
    ) as caught:
        is_paired(tmp_path / "session.db")
    assert caught.value.hint is not None
    assert caught.value.hint.action is Action.RESTORE


def test_a_torn_file_is_an_error(tmp_path: Path) -> None:
    database = tmp_path / "session.db"
    make(database, *(f"{n}@s.whatsapp.net" for n in range(5000)))
    database.write_bytes(database.read_bytes()[:4096])
    with pytest.raises(StoreError):
        is_paired(database)


def test_a_locked_file_is_an_error_within_seconds(tmp_path: Path) -> None:
    make(tmp_path / "session.db", JID)
    with closing(sqlite3.connect(tmp_path / "session.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            is_paired(tmp_path / "session.db")


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_process_killed_while_it_wrote_does_not_hide_the_pairing(
    tmp_path: Path, journal_mode: str
) -> None:
    database = tmp_path / "session.db"
    subprocess.run(
        [sys.executable, "-c", DIE_WHILE_WRITING, str(database), journal_mode],
        check=False,
        timeout=30,
    )
    assert len(list(tmp_path.iterdir())) > 1, "no journal was left: the test tests nothing"
    assert is_paired(database)


def test_no_jid_is_told_by_an_error(tmp_path: Path) -> None:
    database = tmp_path / "session.db"
    make(database, *(f"{n}{JID}" for n in range(5000)))
    content = bytearray(database.read_bytes())
    content[100:4096] = b"\xff" * 3996
    database.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        is_paired(database)
    assert "whatsapp.net" not in str(caught.value)
