from __future__ import annotations

import fcntl
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.errors import LockHeld, StoreError
from wa_supervisor.hints import Action
from wa_supervisor.store import SessionFiles, SessionLock, read_holder
from wa_supervisor.store import lock as lock_module

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import sys, time
from pathlib import Path
from wa_supervisor.store import SessionFiles, SessionLock
with SessionLock(SessionFiles.at("shop", Path(sys.argv[1])), command="wa-supervisor run"):
    print("locked", flush=True)
    time.sleep(60)
"""

LOOK = """
import sys
from pathlib import Path
from wa_supervisor.store import SessionFiles, read_holder
files = SessionFiles.at("shop", Path(sys.argv[1]))
print("go", flush=True)
while True:
    read_holder(files)
"""


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles.open("shop", tmp_path)


@contextmanager
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder, holder.stdout:
        try:
            assert holder.stdout.readline() == "locked\n"
            yield holder
        finally:
            holder.kill()
            holder.wait(10)


def test_the_content_explains_the_holder(files: SessionFiles) -> None:
    with SessionLock(files, command="wa-supervisor run"):
        record = json.loads(files.lock.read_text())
        holder = read_holder(files)
    assert record == {
        "session": "shop",
        "pid": os.getpid(),
        "host": platform.node(),
        "since": record["since"],
        "command": "wa-supervisor run",
    }
    assert record["since"].endswith("Z")
    age = datetime.now(UTC) - datetime.fromisoformat(record["since"])
    assert timedelta(0) <= age < timedelta(seconds=30)
    assert holder is not None
    assert holder.pid == os.getpid()


def test_the_command_is_the_program_without_its_arguments(
    files: SessionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/wa-supervisor", "--phone", "4915112345678"])
    with SessionLock(files):
        content = files.lock.read_text()
    assert json.loads(content)["command"] == "wa-supervisor"
    assert "49151" not in content


def test_a_second_holder_is_told_who_holds_it(files: SessionFiles, tmp_path: Path) -> None:
    with other_process(tmp_path) as holder:
        with pytest.raises(LockHeld) as caught:
            SessionLock(files).acquire()
        assert read_holder(files) is not None
    message = str(caught.value)
    assert f"session 'shop' is already supervised by pid {holder.pid}" in message
    assert f"on host {platform.node()} since 20" in message
    assert message.endswith(" UTC (wa-supervisor run)")
    assert caught.value.hint is not None
    assert caught.value.hint.action is Action.STOP
    assert str(holder.pid) in caught.value.hint.note


def test_a_second_lock_of_the_same_process_is_refused_too(files: SessionFiles) -> None:
    with SessionLock(files) as lock:
        with pytest.raises(LockHeld):
            SessionLock(files).acquire()
        with pytest.raises(StoreError, match="already holds"):
            lock.acquire()


def test_the_death_of_the_holder_frees_the_lock(files: SessionFiles, tmp_path: Path) -> None:
    with other_process(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        with SessionLock(files):
            pass


def test_the_descriptor_does_not_leak_into_children(files: SessionFiles) -> None:
    with SessionLock(files):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
        try:
            opened = [path.resolve() for path in Path(f"/proc/{child.pid}/fd").iterdir()]
        finally:
            child.kill()
            child.wait(10)
        own = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
    assert files.lock in own
    assert files.lock not in opened


OF_A_LIVING_PROCESS = json.dumps(
    {"session": "shop", "pid": 1, "host": "h", "since": "2026-01-01T00:00:00Z", "command": "c"}
)


@pytest.mark.parametrize("content", ["", "{", "x" * 5000, '{"pid": 1}', OF_A_LIVING_PROCESS])
def test_stale_content_is_no_obstacle(files: SessionFiles, content: str) -> None:
    files.lock.write_text(content)
    assert read_holder(files) is None
    with SessionLock(files):
        holder = read_holder(files)
    assert holder is not None
    assert holder.pid == os.getpid()


def test_a_lock_held_without_a_name_still_holds(files: SessionFiles) -> None:
    with SessionLock(files):
        files.lock.write_text("")
        started = time.monotonic()
        with pytest.raises(LockHeld, match="another process"):
            SessionLock(files).acquire()
        with pytest.raises(StoreError, match="left no name"):
            read_holder(files)
    assert time.monotonic() - started < 5


def test_a_free_session_has_no_holder(files: SessionFiles) -> None:
    assert read_holder(files) is None
    with SessionLock(files):
        pass
    assert read_holder(files) is None


def test_looking_who_holds_it_makes_no_file(files: SessionFiles) -> None:
    read_holder(files)
    assert not files.lock.exists()


def test_a_look_does_not_make_a_starter_fail(files: SessionFiles) -> None:
    looking = subprocess.Popen(
        [
            sys.executable,
            "-c",
            LOOK,
            str(files.directory.parents[1]),
        ],
        stdout=subprocess.PIPE,
    )
    assert looking.stdout is not None
    with looking, looking.stdout:
        try:
            assert looking.stdout.readline() == b"go\n"
            for _ in range(200):
                with SessionLock(files):
                    pass
        finally:
            looking.kill()
            looking.wait(10)


@pytest.mark.parametrize("by", ["a look", "a client that is about to die"])
def test_a_lock_that_is_about_to_be_free_is_waited_for(
    files: SessionFiles, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Who looks has it for a moment; a client that outlives its supervisor dies by itself."""
    died = by != "a look"
    monkeypatch.setattr(lock_module, "READER_TIMEOUT", 0.05 if died else 20.0)
    monkeypatch.setattr(lock_module, "DYING_TIMEOUT", 20.0)
    with SessionLock(files):
        record = files.lock.read_text("utf-8")
    files.lock.write_text(record.replace(f'"pid":{os.getpid()}', f'"pid":{2**22}') if died else "")
    held = os.open(files.lock, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    letting_go = threading.Timer(0.5, os.close, [held])
    letting_go.start()
    with SessionLock(files):
        letting_go.join()


def test_releasing_twice_is_fine(files: SessionFiles) -> None:
    lock = SessionLock(files)
    lock.acquire()
    lock.release()
    lock.release()


def test_the_lock_file_is_private_and_never_a_link(files: SessionFiles, tmp_path: Path) -> None:
    with SessionLock(files):
        assert files.lock.stat().st_mode & 0o777 == 0o600
    files.lock.unlink()
    files.lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot lock session 'shop'"):
        SessionLock(files).acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_work_that_shares_the_lock_keeps_it_after_its_release(files: SessionFiles) -> None:
    lock = SessionLock(files)
    lock.acquire()
    with lock.shared():
        lock.release()
        with pytest.raises(LockHeld):
            SessionLock(files).acquire()
    with SessionLock(files):
        pass


def test_no_work_begins_once_the_lock_is_released(files: SessionFiles) -> None:
    lock = SessionLock(files)
    lock.acquire()
    lock.release()
    with pytest.raises(StoreError, match="does not hold the lock"), lock.shared():
        pass


def test_a_share_is_given_back_though_the_work_fails(files: SessionFiles) -> None:
    with SessionLock(files) as lock, pytest.raises(OSError, match="disk"), lock.shared():
        raise OSError("the disk is gone")
    with SessionLock(files):
        pass
