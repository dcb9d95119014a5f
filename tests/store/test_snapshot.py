from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.sessions import mark_of, seen, write_session
from wa_supervisor.errors import Damaged, StoreError, UnsafePermissions
from wa_supervisor.hints import Action, Hint
from wa_supervisor.store import SessionFiles, SqliteVault
from wa_supervisor.store.stamp import next_stamp


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    files = SessionFiles.open("shop", tmp_path)
    write_session(files.database, "a")
    return files


def test_a_snapshot_is_a_whole_private_copy_named_by_time_and_generation(
    files: SessionFiles,
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = SqliteVault(files).take_snapshot(7)
    assert made is not None
    assert made.path.parent == files.snapshots
    assert made.generation == 7
    assert before <= made.taken <= datetime.now(UTC)
    assert made.id == f"{made.taken:%Y%m%dT%H%M%SZ}-7"
    assert mark_of(made.path) == "a"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.snapshots.stat().st_mode) == 0o700


@pytest.mark.parametrize("rows", [0, 1])
def test_an_unpaired_database_is_never_kept(tmp_path: Path, rows: int) -> None:
    files = SessionFiles.open("shop", tmp_path)
    if rows:
        write_session(files.database, "a", paired=False)
    assert SqliteVault(files).take_snapshot(1) is None
    assert SqliteVault(files).snapshots() == ()
    assert not files.snapshots.exists()
    assert not files.staging.exists()


def test_an_unpaired_database_does_not_rotate_the_good_copies_away(files: SessionFiles) -> None:
    """A locked or banned account (403, 406) lost its row: what was copied before stays."""
    SqliteVault(files).take_snapshot(1)
    write_session(files.database, "a", paired=False)
    for generation in range(2, 9):
        assert SqliteVault(files).take_snapshot(generation, keep=1) is None
    assert seen(files) == ("-a", ("a",), ())


def test_an_unchanged_database_is_not_copied_again(files: SessionFiles) -> None:
    first = SqliteVault(files).take_snapshot(1)
    assert first is not None
    untouched = first.path.stat()
    assert SqliteVault(files).take_snapshot(2) == first
    assert SqliteVault(files).snapshots() == (first,)
    assert first.path.stat().st_mtime_ns == untouched.st_mtime_ns
    os.utime(files.database)
    assert SqliteVault(files).take_snapshot(2) == first


def test_the_smallest_change_is_copied_even_within_one_tick_of_the_clock(
    files: SessionFiles,
) -> None:
    """Times and sizes are no proof: the content is compared."""
    first = SqliteVault(files).take_snapshot(1)
    status = files.database.stat()
    write_session(files.database, "b")
    os.utime(files.database, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = SqliteVault(files).take_snapshot(1)
    assert files.database.stat().st_size == status.st_size
    assert second != first
    assert [mark_of(each.path) for each in SqliteVault(files).snapshots()] == ["b", "a"]


def test_only_the_newest_are_kept(files: SessionFiles) -> None:
    for generation, mark in enumerate("abcde"):
        write_session(files.database, mark)
        SqliteVault(files).take_snapshot(generation, keep=3)
    assert [mark_of(each.path) for each in SqliteVault(files).snapshots()] == ["e", "d", "c"]


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_what_a_killed_process_left_half_written_is_rolled_back_or_taken_along(
    tmp_path: Path, journal_mode: str
) -> None:
    files = SessionFiles.open("shop", tmp_path)
    script = textwrap.dedent("""
        import os, sqlite3, sys
        from pathlib import Path
        from store.sessions import write_session
        write_session(Path(sys.argv[1]), "a")
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute(f"PRAGMA journal_mode={sys.argv[2]}")
        connection.execute("UPDATE mark SET value = 'b'")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM whatsmeow_sessions")
        connection.execute("DELETE FROM whatsmeow_device")
        connection.executemany("INSERT INTO mark VALUES (?)", [(os.urandom(3000),)] * 99)
        os.kill(os.getpid(), 9)
    """)
    subprocess.run(
        [sys.executable, "-c", script, files.database, journal_mode],
        check=False,
        timeout=30,
        env={"PYTHONPATH": f"{Path(__file__).parents[1]}:{Path(__file__).parents[2] / 'src'}"},
    )
    assert any(path.exists() for path in files.sidecars), "no journal: the test tests nothing"
    made = SqliteVault(files).take_snapshot(1)
    assert made is not None
    assert mark_of(made.path) == "b"
    assert [path.name for path in files.snapshots.iterdir()] == [made.path.name]


def test_a_copy_of_a_database_in_wal_mode_stands_alone(files: SessionFiles) -> None:
    with closing(sqlite3.connect(files.database, isolation_level=None)) as living:
        living.execute("PRAGMA journal_mode=WAL")
        living.execute("UPDATE mark SET value = 'b'")
        made = SqliteVault(files).take_snapshot(1)
        assert made is not None
        assert [path.name for path in files.snapshots.iterdir()] == [made.path.name]
        assert SqliteVault(files).take_snapshot(1) == made
        living.execute("UPDATE mark SET value = 'c'")
        later = SqliteVault(files).take_snapshot(1)
    assert later is not None
    assert [mark_of(made.path), mark_of(later.path)] == ["b", "c"]


WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
connection.execute(f"PRAGMA journal_mode={sys.argv[2]}")
connection.execute("CREATE TABLE IF NOT EXISTS pair (a, b)")
connection.execute("CREATE TABLE IF NOT EXISTS pad (x)")
connection.execute("INSERT INTO pair VALUES (0, 0)")
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[3])
n = 0
while time.monotonic() < end:
    n += 1
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE pair SET a = ?", (n,))
    connection.execute("INSERT INTO pad VALUES (zeroblob(5000))")
    connection.execute("UPDATE pair SET b = ?", (n,))
    connection.execute("COMMIT")
    time.sleep(0.002)
print(n, flush=True)
"""


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_copy_made_beside_a_busy_writer_is_one_moment(
    files: SessionFiles, journal_mode: str
) -> None:
    """Another process writes 2 ms after each commit; every copy holds whole transactions only."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, files.database, journal_mode, "1.5"],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        moments = []
        while writer.poll() is None:
            try:
                made = SqliteVault(files).take_snapshot(1, keep=1)
            except StoreError as error:
                assert "locked" in str(error)  # noqa: PT017 - a writer may win for 2 s
                continue
            assert made is not None
            with closing(sqlite3.connect(made.path)) as copy:
                (found,) = copy.execute("SELECT a, b FROM pair").fetchall()
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert found[0] == found[1]
            moments.append(found[0])
        written = int(writer.stdout.read())
    assert moments[-1] <= written
    assert len(set(moments)) > 1
    assert moments == sorted(moments)


def test_a_database_locked_for_too_long_is_an_error_within_seconds(files: SessionFiles) -> None:
    with closing(sqlite3.connect(files.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"session\.db is locked: another process"):
            SqliteVault(files).take_snapshot(1)
        assert time.monotonic() - begun < 6
    assert seen(files) == ("a", (), ())


def test_a_damaged_database_is_refused_and_the_good_copies_stay(files: SessionFiles) -> None:
    SqliteVault(files).take_snapshot(1)
    content = bytearray(files.database.read_bytes())
    content[4096 * 3 : 4096 * 5] = os.urandom(4096 * 2)
    files.database.write_bytes(content)
    with pytest.raises(Damaged) as caught:
        SqliteVault(files).take_snapshot(2)
    assert caught.value.hint is not None
    assert caught.value.hint.action is Action.RESTORE
    assert [mark_of(each.path) for each in SqliteVault(files).snapshots()] == ["a"]
    assert not files.staging.exists()


def test_a_directory_open_to_others_is_refused(files: SessionFiles) -> None:
    files.snapshots.mkdir()
    files.snapshots.chmod(0o755)
    with pytest.raises(UnsafePermissions) as caught:
        SqliteVault(files).take_snapshot(1)
    assert caught.value.hint == Hint(Action.MAKE_PRIVATE, str(files.snapshots))


def test_a_symbolic_link_is_not_followed(files: SessionFiles, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    files.snapshots.symlink_to(elsewhere)
    with pytest.raises(StoreError, match="symbolic link"):
        SqliteVault(files).take_snapshot(1)
    assert list(elsewhere.iterdir()) == []


def test_foreign_files_are_no_snapshots_and_are_left_alone(files: SessionFiles) -> None:
    SqliteVault(files).take_snapshot(1)
    (files.snapshots / "notes.txt").write_text("mine")
    (files.snapshots / "backup.db").write_text("mine")
    write_session(files.database, "b")
    SqliteVault(files).take_snapshot(2, keep=1)
    assert len(SqliteVault(files).snapshots()) == 1
    assert len(list(files.snapshots.iterdir())) == 3


def test_names_stay_in_order_when_the_clock_is_set_back() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    names: list[str] = []
    for clock in (now, now, now - timedelta(days=9), now + timedelta(seconds=1)):
        names.append(next_stamp(names, clock))
    assert names == sorted(set(names))
    assert next_stamp(names, now + timedelta(days=1)) == "20260102T000000Z"
