from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.sessions import mark_of, seen, write_session
from wa_supervisor.errors import ConfigError, StoreError
from wa_supervisor.hints import Action, Hint
from wa_supervisor.store import SessionFiles, SqliteVault, quarantined
from wa_supervisor.store.sqlite.device import is_paired


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    """A session with two snapshots whose keys whatsmeow has deleted."""
    files = SessionFiles.open("shop", tmp_path)
    for generation, mark in enumerate("ab", 1):
        write_session(files.database, mark)
        SqliteVault(files).take_snapshot(generation)
    write_session(files.database, "c", paired=False)
    return files


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def test_the_newest_snapshot_is_put_back_and_what_was_there_is_set_aside(
    files: SessionFiles,
) -> None:
    newest = SqliteVault(files).snapshots()[0]
    restored = SqliteVault(files).restore(generation=3)
    assert restored is not None
    assert restored.id == newest.id
    assert is_paired(files.database)
    assert seen(files) == ("b", ("b", "a"), (("restored", "-c"),))
    assert restored.aside == quarantined(files)[0].id


def test_without_a_snapshot_nothing_is_touched(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    assert SqliteVault(files).restore() is None
    write_session(files.database, "a", paired=False)
    assert SqliteVault(files).restore() is None
    assert seen(files) == ("-a", (), ())


def test_a_damaged_snapshot_is_passed_over(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    bad = SqliteVault(files).snapshots()[0]
    spoil(bad.path)
    restored = SqliteVault(files).restore()
    assert restored is not None
    assert restored.id == SqliteVault(files).snapshots()[1].id
    assert mark_of(files.database) == "a"
    assert bad.id in caplog.text


def make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def make_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


UNREADABLE = pytest.mark.parametrize("make", [make_fifo, make_link, Path.mkdir])


@UNREADABLE
def test_a_snapshot_that_cannot_be_read_is_passed_over_at_once(
    files: SessionFiles, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    bad = SqliteVault(files).snapshots()[0]
    bad.path.unlink()
    make(bad.path)
    begun = time.monotonic()
    restored = SqliteVault(files).restore()
    assert time.monotonic() - begun < 5
    assert restored is not None
    assert mark_of(files.database) == "a"
    assert f"{bad.id} is passed over" in caplog.text


@UNREADABLE
def test_a_snapshot_that_cannot_be_read_stops_neither_a_new_one_nor_a_purge(
    files: SessionFiles, make: Callable[[Path], None]
) -> None:
    bad = SqliteVault(files).snapshots()[0]
    bad.path.unlink()
    make(bad.path)
    write_session(files.database, "c")
    made = SqliteVault(files).take_snapshot(3)
    assert made is not None
    assert mark_of(made.path) == "c"
    entry = SqliteVault(files).purge("operator")
    assert entry is not None
    assert SqliteVault(files).restore(entry.id) is not None
    assert mark_of(files.database) == "c"


def test_if_every_snapshot_is_damaged_nothing_is_touched(files: SessionFiles) -> None:
    for each in SqliteVault(files).snapshots():
        spoil(each.path)
    assert SqliteVault(files).restore() is None
    assert mark_of(files.database) == "-c"
    assert not files.quarantine.exists()
    assert not files.staging.exists()


def test_a_damaged_database_makes_room_with_its_sidecars(files: SessionFiles) -> None:
    files.database.write_bytes(os.urandom(9000))
    files.sidecars[2].write_bytes(b"a journal of something else")
    files.sidecars[2].chmod(0o600)
    assert SqliteVault(files).restore() is not None
    assert mark_of(files.database) == "b"
    (entry,) = quarantined(files)
    assert {path.name for path in entry.directory.iterdir()} == {
        "manifest.json",
        "session.db",
        "session.db-journal",
    }


@pytest.mark.parametrize("length", [16, 99])
def test_a_snapshot_is_found_by_its_id_or_the_beginning_of_it(
    files: SessionFiles, length: int
) -> None:
    oldest = SqliteVault(files).snapshots()[1]
    restored = SqliteVault(files).restore(oldest.id[:length])
    assert restored is not None
    assert restored.id == oldest.id
    assert mark_of(files.database) == "a"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [("2", "beginning of 2 IDs"), ("nope", "no snapshot"), ("../../etc", "no snapshot")],
)
def test_an_id_of_nothing_or_of_many_is_an_error(
    files: SessionFiles, wanted: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        SqliteVault(files).restore(wanted)
    assert caught.value.hint == Hint(Action.SNAPSHOTS)
    assert mark_of(files.database) == "-c"


def test_a_quarantined_session_comes_back_and_this_one_goes_there_whole(
    files: SessionFiles,
) -> None:
    write_session(files.database, "c")
    SqliteVault(files).purge("logged_out")
    write_session(files.database, "d")
    SqliteVault(files).take_snapshot(4)
    restored = SqliteVault(files).restore(quarantined(files)[0].id)
    assert restored is not None
    assert seen(files) == (
        "c",
        (),
        (("restored", "d", "d"), ("logged_out", "c", "b", "a")),
    )


def test_of_a_quarantined_session_without_its_row_the_newest_snapshot_comes_back(
    files: SessionFiles,
) -> None:
    """What every purge after a logout leaves: whatsmeow had deleted the row by then."""
    SqliteVault(files).purge("logged_out")
    assert SqliteVault(files).restore(quarantined(files)[0].id) is not None
    assert seen(files) == ("b", (), (("logged_out", "-c", "b", "a"),))


def test_a_quarantined_file_that_was_changed_is_not_trusted(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    write_session(files.database, "c")
    SqliteVault(files).purge("logged_out")
    (entry,) = quarantined(files)
    write_session(entry.directory / "session.db", "evil")
    assert SqliteVault(files).restore(entry.id) is not None
    assert mark_of(files.database) == "b"
    assert "not what its manifest says" in caplog.text


@pytest.mark.parametrize("spoilt", ["gone", "half", "a FIFO"])
def test_a_quarantined_session_without_its_manifest_is_not_trusted(
    files: SessionFiles, spoilt: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing says that what is there is what was set aside."""
    write_session(files.database, "c")
    entry = SqliteVault(files).purge("logged_out")
    assert entry is not None
    manifest = entry.directory / "manifest.json"
    manifest.unlink()
    if spoilt == "half":
        manifest.write_text("{")
    elif spoilt == "a FIFO":
        make_fifo(manifest)
    assert SqliteVault(files).restore(entry.id) is None
    assert mark_of(files.database) is None
    assert "nothing vouches for session.db" in caplog.text


def test_a_database_in_use_is_not_replaced(files: SessionFiles) -> None:
    with closing(sqlite3.connect(files.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            SqliteVault(files).restore()
    assert mark_of(files.database) == "-c"
    assert SqliteVault(files).restore() is not None
