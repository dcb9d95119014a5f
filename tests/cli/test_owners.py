"""Whose session it is: what another user prepared is not touched, by root least of all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from journal.rows import make_record
from store.sessions import write_session
from wa_supervisor import private_files
from wa_supervisor.control import Order, ask
from wa_supervisor.control_server import listening
from wa_supervisor.errors import JournalError, StoreError, UnsafePermissions
from wa_supervisor.hints import Action
from wa_supervisor.journal import Journal, read, remember
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.status import Status
from wa_supervisor.store import SessionFiles, SessionLock, SqliteVault, read_holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.calling import Answer, Cli

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")

NOBODY = 65534
MAGIC = bytes.fromhex("d9d505f920a163d7")  # https://sqlite.org/fileformat2.html, 3
COMMANDS = [
    ("resume",),
    ("relink", "--yes"),
    ("purge", "--yes"),
    ("restore", "--yes"),
    ("snapshots",),
    ("history",),
    ("crashes",),
]


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory of root's that another user can reach."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def files(public: Path) -> SessionFiles:
    """A session of root's, paired and given up, with a snapshot."""
    files = SessionFiles.open("shop", public / "data")
    session = Session(phase=Phase.GAVE_UP, reason=Reason.OUTDATED, given_up=Reason.OUTDATED)
    now = datetime.now(UTC)
    journal = Journal.open(files.journal)
    journal.append(make_record(1, ts=now, after="GaveUp"), remember(session, 0.0, now))
    journal.close()
    write_session(files.database, "mark")
    assert SqliteVault(files).take_snapshot(1)
    return files


@pytest.fixture
def call(program: Cli, public: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call a command for that session, from where another user can do so, too."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(public))
    monkeypatch.chdir(public)

    def call(*command: str) -> Answer:
        return program(*command, "--session", "shop", "--data-dir", str(public / "data"))

    return call


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def give(top: Path, uid: int) -> None:
    for path in (top, *top.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def plant(database: Path, victim: Path) -> Path:
    """Lay a hot rollback journal beside a database that has SQLite delete a file, and name it."""
    size = database.stat().st_size
    head = database.read_bytes()[:18]
    page = int.from_bytes(head[16:18])
    numbers = (0, 0, size // page, 512, page)  # records, nonce, pages, sector, page
    name = os.fsencode(victim)
    tail = [
        ((1 << 30) // page + 1).to_bytes(4),
        name,
        *(number.to_bytes(4) for number in (len(name), sum(name))),
        MAGIC,
    ]
    header = (MAGIC + b"".join(number.to_bytes(4) for number in numbers)).ljust(512, b"\0")
    journal = database.with_name(f"{database.name}-journal")
    journal.write_bytes(header + b"".join(tail))
    journal.chmod(0o600)
    return journal


def content(top: Path) -> dict[str, tuple[int, int, bytes]]:
    """What is below a directory: whose it is, when it was changed, and what is in it."""
    return {
        str(path): (
            path.lstat().st_uid,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (top, *top.rglob("*"))
    }


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "shadow"
    path.write_text("root::19000:0:99999:7:::\n")
    return path


def test_a_planted_journal_does_delete_the_file_that_it_names(tmp_path: Path, victim: Path) -> None:
    database = tmp_path / "session.db"
    write_session(database, "mark")
    plant(database, victim)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("SELECT * FROM sqlite_master").fetchall()
    assert not victim.exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_root_touches_no_session_of_another_user(
    call: Cli, files: SessionFiles, public: Path, victim: Path, command: tuple[str, ...]
) -> None:
    with contextlib.closing(sqlite3.connect(files.journal)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    plant(files.database, victim)
    plant(files.journal, victim)
    give(public / "data", NOBODY)
    before = content(public)
    answer = call(*command)
    assert answer.code == 3, answer.said
    assert "belongs to the user nobody, but we run as root" in answer.said.replace("\n", " ")
    assert "sudo -u nobody" in answer.said
    assert content(public) == before
    assert victim.exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_another_user_touches_no_session_of_roots(
    call: Cli, files: SessionFiles, public: Path, command: tuple[str, ...]
) -> None:
    for path in (public / "data", files.directory.parent):
        path.chmod(0o755)
    before = content(public)
    with nobody():
        answer = call(*command)
    assert answer.code == 3, answer.said
    assert content(public) == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("uid", [0, NOBODY])
def test_everybody_may_do_so_with_a_session_of_their_own(
    call: Cli, files: SessionFiles, public: Path, command: tuple[str, ...], uid: int
) -> None:
    give(public / "data", uid)
    with nobody() if uid else contextlib.nullcontext():
        answer = call(*command)
    assert answer.code == 0, answer.said
    assert {path.lstat().st_uid for path in files.directory.rglob("*")} == {uid}


@pytest.mark.parametrize("made", ["data", "data/sessions", "data/sessions/shop"])
@pytest.mark.parametrize("uid", [0, NOBODY])
def test_a_data_dir_that_another_user_prepared_is_refused(
    public: Path, made: str, uid: int
) -> None:
    (public / made).mkdir(parents=True)
    give(public / "data", NOBODY if uid == 0 else 0)
    (public / made).chmod(0o700 if made.endswith("shop") else 0o755)
    before = content(public)
    with (
        pytest.raises(StoreError) as caught,
        nobody() if uid else contextlib.nullcontext(),
    ):
        SessionFiles.open("shop", public / "data")
    assert content(public) == before
    if uid == 0 or made.endswith("shop"):
        assert isinstance(caught.value, UnsafePermissions)
        assert caught.value.hint is not None
        assert caught.value.hint.action is Action.RUN_AS
        assert caught.value.hint.subject == ("nobody" if uid == 0 else "root")
    else:
        assert "Permission denied" in str(caught.value)


@pytest.mark.parametrize("trick", ["its own", "for all", "a link"])
def test_a_data_dir_that_another_user_could_exchange_is_refused(public: Path, trick: str) -> None:
    upper = public / "home"
    data = upper / "mine" / "data"
    data.mkdir(parents=True)
    if trick == "its own":
        os.chown(upper, NOBODY, NOBODY)
    else:
        upper.chmod(0o777)
    if trick == "a link":
        (public / "link").symlink_to(upper / "mine")
        data = public / "link" / "data"
    with pytest.raises(UnsafePermissions, match="could exchange what lies in") as caught:
        SessionFiles.open("shop", data)
    assert caught.value.hint is not None
    assert caught.value.hint.subject == "data_dir"
    assert list(data.iterdir()) == []
    os.chown(upper, 0, 0)
    upper.chmod(0o1777)  # as /tmp is
    assert SessionFiles.open("shop", data).database.exists()


def test_who_has_no_number_in_a_user_namespace_may_be_root(
    public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upper = public / "home"
    (upper / "mine" / "data").mkdir(parents=True)
    os.chown(upper, NOBODY, NOBODY)
    (public / "uid_map").write_text("0 1000 1\n")
    monkeypatch.setattr(private_files, "_UID_MAP", public / "uid_map")
    assert SessionFiles.open("shop", upper / "mine" / "data").database.exists()


def test_a_data_dir_that_root_made_for_another_user_is_good(public: Path) -> None:
    data = public / "data"
    data.mkdir()
    sessions = data / "sessions"
    sessions.mkdir()
    os.chown(sessions, NOBODY, NOBODY)
    with nobody():
        files = SessionFiles.open("shop", data)
    assert files.database.stat().st_uid == NOBODY


def test_a_user_without_a_name_is_named_by_number(files: SessionFiles) -> None:
    os.chown(files.directory, 12345, 12345)
    with pytest.raises(UnsafePermissions, match="user #12345,") as caught:
        files.prepare()
    assert caught.value.hint is not None
    assert caught.value.hint.subject == "#12345"


@pytest.mark.parametrize("name", ["session.db", "session.db-journal", "journal.db-wal", "lock"])
def test_a_file_of_another_user_in_a_directory_of_ours_is_refused(
    files: SessionFiles, name: str
) -> None:
    path = files.directory / name
    path.touch(0o600)
    os.chown(path, NOBODY, NOBODY)
    before = content(files.directory)
    works: tuple[Callable[[], object], ...] = (
        files.prepare,
        SessionLock(files).acquire,
        partial(read_holder, files),
    )
    for work in works:
        with pytest.raises(UnsafePermissions, match=f"'{name}' belongs to the user nobody"):
            work()
    with pytest.raises(UnsafePermissions):
        read(files.journal)
    assert content(files.directory) == before


def test_a_database_of_roots_is_refused_to_another_user(files: SessionFiles) -> None:
    os.chown(files.directory.parent, NOBODY, NOBODY)
    os.chown(files.directory, NOBODY, NOBODY)
    files.directory.parent.parent.chmod(0o755)
    with pytest.raises(UnsafePermissions, match="belongs to the user root"), nobody():
        files.prepare()


def test_a_directory_that_cannot_be_entered_is_an_error_of_ours(files: SessionFiles) -> None:
    with pytest.raises(JournalError, match="Permission denied"), nobody():
        read(files.journal)


async def test_root_gives_orders_to_a_supervisor_of_another_user(
    files: SessionFiles, public: Path
) -> None:
    def status() -> Status:
        return Status.of(Session(), "shop", now=0.0, wall=datetime.now(UTC))

    taken: list[Order] = []
    async with listening(files, {Order.RESUME: lambda: taken.append(Order.RESUME)}, status):
        give(public / "data", NOBODY)
        await asyncio.to_thread(ask, files, Order.RESUME)
        give(public / "data", 0)
    assert taken == [Order.RESUME]
