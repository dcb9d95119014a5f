from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from wa_supervisor.errors import StoreError
from wa_supervisor.store import SessionFiles, is_paired, purge
from wa_supervisor.store.purge import unlink


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    files = SessionFiles.open("shop", tmp_path)
    for path in (files.database, *files.sidecars):
        path.write_bytes(b"dead keys")
    return files


def left(files: SessionFiles) -> set[str]:
    return {path.name for path in files.directory.iterdir()}


def test_database_and_sidecars_go_and_the_rest_stays(files: SessionFiles) -> None:
    files.lock.touch()
    (files.directory / "journal.db").touch()
    purge(files)
    assert left(files) == {"lock", "journal.db"}


def test_missing_files_are_fine(files: SessionFiles) -> None:
    purge(files)
    purge(files)
    files.directory.rmdir()
    purge(files)


def test_the_next_database_is_fresh_and_private(files: SessionFiles) -> None:
    purge(files)
    files.prepare()
    assert not is_paired(files.database)
    assert files.database.stat().st_mode & 0o777 == 0o600


def test_the_database_goes_last(files: SessionFiles) -> None:
    order: list[str] = []

    def watch(path: Path) -> None:
        order.append(path.name)
        unlink(path)

    purge(files, dispose=watch)
    assert order[-1] == "session.db"
    assert sorted(order) == sorted(
        ["session.db", "session.db-wal", "session.db-shm", "session.db-journal"]
    )


@pytest.mark.parametrize("survivors", [1, 2, 3])
def test_dying_in_between_never_leaves_a_journal_without_its_database(
    files: SessionFiles, survivors: int
) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from wa_supervisor.store import SessionFiles, purge\n"
        "from wa_supervisor.store.purge import unlink\n"
        "left = int(sys.argv[2])\n"
        "def dispose(path):\n"
        "    if sum(1 for _ in path.parent.iterdir()) == left: os.kill(os.getpid(), 9)\n"
        "    unlink(path)\n"
        "purge(SessionFiles.at('shop', Path(sys.argv[1])), dispose=dispose)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", script, str(files.directory.parents[1]), str(survivors)],
        check=False,
        timeout=30,
    )
    assert died.returncode == -9
    assert len(left(files)) == survivors
    assert "session.db" in left(files)
    purge(files)
    assert left(files) == set()


def test_a_file_that_cannot_go_is_an_error_and_the_database_is_kept(files: SessionFiles) -> None:
    # root may remove anything but a directory that stands where a file should be
    (files.directory / "session.db-shm").unlink()
    (files.directory / "session.db-shm" / "inside").mkdir(parents=True)
    with pytest.raises(
        StoreError, match=r"cannot remove session\.db-shm: Is a directory"
    ) as caught:
        purge(files)
    assert files.database.exists()
    assert str(files.directory / "session.db-shm") in (caught.value.hint or "")
    assert str(files.directory) not in str(caught.value)


def test_a_database_that_cannot_go_is_an_error(files: SessionFiles) -> None:
    files.database.unlink()
    files.database.mkdir()
    with pytest.raises(StoreError, match=r"cannot remove session\.db: Is a directory"):
        purge(files)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_missing_rights_are_an_error(tmp_path: Path) -> None:
    # The package itself may lie where nobody may read: import first, drop the rights then.
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from wa_supervisor.errors import StoreError\n"
        "from wa_supervisor.store import SessionFiles, purge\n"
        "files = SessionFiles.open('shop', Path(sys.argv[1]))\n"
        "os.chdir(files.directory)\n"
        "os.setuid(65534)\n"
        "try:\n"
        "    purge(SessionFiles('shop', Path()))\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "cannot remove session.db-wal: Permission denied\n"


def test_a_disposal_that_did_nothing_is_found_out(files: SessionFiles) -> None:
    with pytest.raises(StoreError, match="still there"):
        purge(files, dispose=lambda _: None)


def test_files_can_be_moved_away_in_place_of_removed(files: SessionFiles) -> None:
    quarantine = files.directory / "quarantine"
    quarantine.mkdir()

    def move(path: Path) -> None:
        if path.exists():
            path.rename(quarantine / path.name)

    purge(files, dispose=move)
    assert left(files) == {"quarantine"}
    assert (quarantine / "session.db").read_bytes() == b"dead keys"


def test_the_directory_is_written_to_the_disk(
    files: SessionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    purge(files)
    assert synced == [files.directory]


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_sqlite_throws_an_orphaned_journal_away_beside_an_empty_database(
    tmp_path: Path, journal_mode: str
) -> None:
    """The second line of defence which `prepare` relies on: it makes the database empty."""
    script = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect('old.db', isolation_level=None)\n"
        "connection.execute(f'PRAGMA journal_mode={sys.argv[1]}')\n"
        "connection.execute('CREATE TABLE whatsmeow_device (jid)')\n"
        "connection.execute('PRAGMA cache_size=1')\n"
        "connection.execute('BEGIN')\n"
        "connection.executemany('INSERT INTO whatsmeow_device VALUES (?)',"
        " [(os.urandom(3000),) for _ in range(200)])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, journal_mode], check=False, timeout=30, cwd=tmp_path
    )
    files = SessionFiles.open("shop", tmp_path)
    orphans = 0
    for path in files.sidecars:
        old = tmp_path / path.name.replace("session", "old")
        if old.exists():
            old.rename(path)
            orphans += 1
    assert orphans
    assert not is_paired(files.database)
    with closing(sqlite3.connect(files.database)) as connection, connection:
        connection.execute("CREATE TABLE fresh (x)")
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
        intact = connection.execute("PRAGMA integrity_check").fetchall()
    assert names == [("fresh",)]
    assert intact == [("ok",)]
