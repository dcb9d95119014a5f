"""What becomes of a session whose directory, lock or journal goes away while it runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2e.processes import until
from journal.rows import make_memory, make_record
from store.sessions import mark_of, write_session
from wa_supervisor import local_store
from wa_supervisor.disk_store import DiskStore
from wa_supervisor.errors import LockHeld, Unreachable
from wa_supervisor.journal import Journal
from wa_supervisor.settings import Settings
from wa_supervisor.store import SessionFiles, SessionLock, read_holder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """A paired session that runs."""
    found = DiskStore(Settings(session="shop", data_dir=tmp_path))
    found.acquire()
    write_session(found.files.database, "a")
    yield found
    found.release()


def test_a_directory_that_is_gone_is_waited_for_and_not_made_anew(store: DiskStore) -> None:
    directory = store.files.directory
    elsewhere = directory.with_name("moved")
    directory.rename(elsewhere)
    for _ in range(2):
        with pytest.raises(Unreachable, match="the session's directory is gone"):
            store.keys.before_dial(1)
    assert not directory.exists()
    elsewhere.rename(directory)
    assert store.keys.before_dial(2) is True
    assert mark_of(store.files.database) == "a"


def test_another_directory_in_its_place_is_not_taken_for_it(store: DiskStore) -> None:
    directory = store.files.directory
    elsewhere = directory.with_name("moved")
    directory.rename(elsewhere)
    directory.mkdir(mode=0o700)
    with pytest.raises(Unreachable, match="another directory is in its place"):
        store.keys.before_dial(1)
    assert list(directory.iterdir()) == []
    directory.rmdir()
    elsewhere.rename(directory)
    assert store.keys.before_dial(2) is True


class Volume:
    """A directory that is mounted at another one."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self.target = source, target

    def mount(self) -> None:
        bind = ["mount", "--bind", str(self._source), str(self.target)]
        subprocess.run(bind, check=True, timeout=30, capture_output=True)

    def unmount(self) -> None:
        """Take it away from its path though it is in use, as a volume that is pulled is."""
        subprocess.run(["umount", "-l", self.target], check=True, timeout=30)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    volume = Volume(source, target)
    try:
        volume.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no volume can be mounted here: {getattr(error, 'stderr', b'') or error}")
    yield volume
    while target.is_mount() or list(target.iterdir()):
        volume.unmount()


def test_a_volume_that_is_unmounted_is_waited_for_and_its_mount_point_stays_empty(
    volume: Volume,
) -> None:
    store = DiskStore(Settings(session="shop", data_dir=volume.target))
    store.acquire()
    write_session(store.files.database, "a")
    journal, _ = store.open_journal()
    with closing(journal):
        journal.append(make_record(0), make_memory(0))
        volume.unmount()
        for work in (lambda: store.keys.before_dial(1), store._mend_in_place):
            with pytest.raises(Unreachable, match="the session's directory is gone"):
                work()
        journal.append(make_record(1), make_memory(1))
        assert list(volume.target.iterdir()) == []
        volume.mount()
        store._mend_in_place()
        assert store.keys.before_dial(2) is True
    store.release()
    with closing(Journal.open(store.files.journal)) as reader:
        assert [entry.generation for entry in reader.steps()] == [0, 1]


@pytest.mark.parametrize("what", ["purge", "restore", "while_connected"])
def test_nothing_is_done_to_keys_that_are_not_there(store: DiskStore, what: str) -> None:
    shutil.rmtree(store.files.directory)
    if what == "while_connected":
        store.keys.while_connected(first=False)
    else:
        with pytest.raises(Unreachable):
            store.keys.purge("logged_out") if what == "purge" else store.keys.restore()
    assert not store.files.directory.exists()


SECOND = """
import sys
from pathlib import Path
from wa_supervisor.errors import LockHeld
from wa_supervisor.store import SessionFiles, SessionLock
try:
    SessionLock(SessionFiles.at("shop", Path(sys.argv[1]))).acquire()
except LockHeld as error:
    print("refused", error)
else:
    print("let in")
"""


def second(data_dir: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SECOND, data_dir],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_a_deleted_lock_lets_no_second_supervisor_in(store: DiskStore, tmp_path: Path) -> None:
    store.files.lock.unlink()
    assert second(tmp_path).startswith("refused")
    store.files.lock.unlink()
    store._mend_in_place()
    holder = read_holder(store.files)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert "already supervised by pid" in second(tmp_path)
    store.release()
    assert second(tmp_path) == "let in\n"


def test_who_is_not_let_in_keeps_no_descriptor(store: DiskStore) -> None:
    store.files.lock.unlink()
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    for _ in range(3):
        with pytest.raises(LockHeld):
            SessionLock(store.files).acquire()
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_lock_that_was_made_anew_is_handed_on_under_the_same_number(store: DiskStore) -> None:
    before = store.lock_descriptor
    store.files.lock.unlink()
    store._mend_in_place()
    assert store.lock_descriptor == before
    assert before is not None
    assert os.fstat(before).st_ino == store.files.lock.stat().st_ino


def test_a_lock_that_another_process_holds_by_now_is_an_error(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    with SessionLock(files) as lock:
        files.lock.unlink()
        with files.lock.open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(LockHeld):
                lock.check()


def test_a_deleted_journal_is_made_anew_with_all_that_was_in_it(store: DiskStore) -> None:
    journal, _ = store.open_journal()
    with closing(journal):
        for number in range(3):
            journal.append(make_record(number), make_memory(number))
        for path in store.files.directory.glob("journal.db*"):
            path.unlink()
        store._mend_in_place()
        with closing(Journal.open(store.files.journal)) as reader:
            assert reader.memory() == make_memory(2)
            assert [entry.generation for entry in reader.steps()] == [0, 1, 2]
        journal.append(make_record(3), make_memory(3))
    with closing(Journal.open(store.files.journal)) as reader:
        assert reader.memory() == make_memory(3)
        assert not reader.was_lost
    assert store.files.journal.stat().st_mode & 0o777 == 0o600


def test_a_step_after_the_deletion_is_not_lost_either(store: DiskStore) -> None:
    journal, _ = store.open_journal()
    with closing(journal):
        journal.append(make_record(0), make_memory(0))
        store.files.journal.unlink()  # its WAL stays
        journal.append(make_record(1), make_memory(1))
    with closing(Journal.open(store.files.journal)) as reader:
        assert [entry.generation for entry in reader.steps()] == [0, 1]
        assert reader.memory() == make_memory(1)


def test_a_journal_goes_on_in_a_directory_that_was_moved(store: DiskStore) -> None:
    journal, _ = store.open_journal()
    directory = store.files.directory
    with closing(journal):
        directory.rename(directory.with_name("moved"))
        journal.append(make_record(0), make_memory(0))
        directory.with_name("moved").rename(directory)
        journal.append(make_record(1), make_memory(1))
    with closing(Journal.open(store.files.journal)) as reader:
        assert [entry.generation for entry in reader.steps()] == [0, 1]


async def test_what_is_deleted_is_noticed_while_nothing_happens(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_store, "WATCH_EVERY", 0.02)
    journal, _ = store.open_journal()
    journal.append(make_record(0), make_memory(0))
    async with store.control({}, lambda: pytest.fail("nobody asks"), {}):
        store.files.lock.unlink()
        store.files.journal.unlink()
        await until(lambda: store.files.lock.exists() and store.files.journal.exists())
    journal.close()
