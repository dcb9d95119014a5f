from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from store.sessions import mark_of, seen, write_session
from store.test_intent import PURGE, RESTORE, half_done
from wa_supervisor.errors import Damaged, KeysGone, StoreError
from wa_supervisor.store import CredentialKeeper, SessionFiles, SqliteVault
from wa_supervisor.store.sqlite.device import is_paired


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles.open("shop", tmp_path)


@pytest.fixture
def keeper(files: SessionFiles) -> CredentialKeeper:
    return CredentialKeeper(files, SqliteVault(files))


def test_a_new_session_dials_unpaired_and_nothing_is_kept(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    assert keeper.before_dial(1) is False
    assert {path.name for path in files.directory.iterdir()} == {"session.db"}


def test_every_dial_with_credentials_leaves_a_copy(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    assert keeper.before_dial(1) is True
    write_session(files.database, "b")
    assert keeper.before_dial(2) is True
    assert seen(files) == ("b", ("b", "a"), ())
    assert [each.generation for each in SqliteVault(files).snapshots()] == [2, 1]


def test_the_first_connection_after_a_pairing_is_copied_at_once(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    """Else the first false 401 would cost a pairing that was never copied."""
    keeper.before_dial(1)
    write_session(files.database, "a")
    keeper.while_connected(first=True)
    write_session(files.database, "b")
    keeper.while_connected(first=True)
    assert seen(files) == ("b", ("a",), ())
    keeper.while_connected(first=False)
    assert seen(files) == ("b", ("b", "a"), ())


def test_a_copy_that_fails_costs_a_connected_session_nothing(
    files: SessionFiles, keeper: CredentialKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    write_session(files.database, "a")
    files.snapshots.write_text("in the way")
    keeper.while_connected(first=False)
    assert "no snapshot was taken" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING


def test_without_any_copy_the_dial_is_refused(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    files.snapshots.write_text("in the way")
    with pytest.raises(StoreError):
        keeper.before_dial(1)


def test_an_older_copy_will_do_for_a_dial(
    files: SessionFiles, keeper: CredentialKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    write_session(files.database, "a")
    keeper.before_dial(1)
    write_session(files.database, "b")
    with pytest.MonkeyPatch.context() as patch:

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        assert keeper.before_dial(2) is True
    assert "No space left on device" in caplog.text
    assert seen(files) == ("b", ("a",), ())


def test_a_damaged_database_is_no_dial_though_an_older_copy_is_there(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    keeper.before_dial(1)
    content = bytearray(files.database.read_bytes())
    content[4096 * 4 :] = os.urandom(len(content) - 4096 * 4)
    files.database.write_bytes(content)
    with pytest.raises(Damaged):
        keeper.before_dial(2)
    assert len(SqliteVault(files).snapshots()) == 1


@pytest.mark.parametrize("how", ["row", "file"])
def test_keys_that_no_purge_took_are_not_dialled_with_before_the_core_knows(
    files: SessionFiles, keeper: CredentialKeeper, how: str
) -> None:
    """The supervisor died after whatsmeow deleted the row, or someone removed the file."""
    write_session(files.database, "a")
    keeper.before_dial(1)
    if how == "row":
        write_session(files.database, "b", paired=False)
    else:
        files.database.unlink()
    with pytest.raises(KeysGone, match="no purge took them"):
        keeper.before_dial(2)
    assert keeper.restore() is True
    aside = (("restored", "-b"),) if how == "row" else ()
    assert seen(files) == ("a", ("a",), aside)
    assert keeper.before_dial(3) is True


def test_what_a_crash_left_half_done_is_finished_before_a_dial(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    half_done(files, PURGE)
    assert keeper.before_dial(2) is False
    assert not files.intent.exists()
    assert seen(files)[:2] == (None, ())


def test_what_a_crash_left_half_done_is_finished_before_a_restore(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    half_done(files, RESTORE)
    assert keeper.restore() is True
    assert not files.intent.exists()
    assert mark_of(files.database) == "b"


def test_after_a_purge_the_old_keys_stay_away(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    keeper.before_dial(1)
    write_session(files.database, "a", paired=False)
    keeper.purge("logged_out")
    assert keeper.before_dial(2) is False
    assert not is_paired(files.database)
    assert SqliteVault(files).snapshots() == ()


def test_a_restore_puts_the_copy_back_once_and_knows_when_there_is_none(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    keeper.before_dial(1)
    assert keeper.restore() is False
    write_session(files.database, "a")
    keeper.before_dial(2)
    write_session(files.database, "a", paired=False)
    assert keeper.restore() is True
    assert seen(files) == ("a", ("a",), (("restored", "-a"),))


def test_keys_that_are_still_there_are_not_replaced_by_older_ones(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    """The client was killed before it could delete the row."""
    write_session(files.database, "a")
    keeper.before_dial(1)
    write_session(files.database, "b")
    assert keeper.restore() is True
    assert seen(files) == ("b", ("a",), ())


def test_a_broken_database_is_replaced_by_the_copy(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    keeper.before_dial(1)
    files.database.write_bytes(os.urandom(8192))
    assert keeper.restore() is True
    assert mark_of(files.database) == "a"


def test_held_credentials_outlive_any_number_of_purges_elsewhere_and_starts(
    files: SessionFiles,
) -> None:
    """A locked or banned account: only a relink moves the copies, and into the quarantine."""
    keeper = CredentialKeeper(
        files, SqliteVault(files), keep_snapshots=1, keep_quarantined=1, keep_days=0.000001
    )
    write_session(files.database, "a")
    keeper.before_dial(1)
    write_session(files.database, "a", paired=False)
    keeper.while_connected(first=False)
    assert seen(files) == ("-a", ("a",), ())
    assert keeper.restore() is True
    assert seen(files)[:2] == ("a", ("a",))


def test_the_limits_of_the_quarantine_are_kept(files: SessionFiles) -> None:
    keeper = CredentialKeeper(files, SqliteVault(files), keep_quarantined=2)
    for mark in "abc":
        write_session(files.database, mark)
        keeper.purge("logged_out")
    assert [entry[1] for entry in seen(files)[2]] == ["c", "b"]
    aged = CredentialKeeper(files, SqliteVault(files), keep_days=1e-9)
    time.sleep(0.01)
    aged.before_dial(1)
    assert seen(files)[2] == ()


def test_an_expired_session_that_cannot_go_does_not_stop_a_dial(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    for mark in "ab":
        write_session(files.database, mark)
        SqliteVault(files).purge("logged_out")
    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        patch.setattr(Path, "rename", refuse)
        assert (
            CredentialKeeper(files, SqliteVault(files), keep_quarantined=1).before_dial(1) is False
        )
    assert "still in the quarantine" in caplog.text


def test_deeds_take_turns(files: SessionFiles, keeper: CredentialKeeper) -> None:
    """A snapshot of the living session and a purge come from different threads."""
    write_session(files.database, "a", rows=2000)
    threads = [
        threading.Thread(target=deed)
        for _ in range(4)
        for deed in (
            lambda: keeper.while_connected(first=False),
            lambda: keeper.purge("logged_out"),
            lambda: keeper.before_dial(1),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert seen(files)[2][0][:2] == ("logged_out", "a")


def test_a_locked_database_keeps_a_purge_waiting_for_seconds_only(
    files: SessionFiles, keeper: CredentialKeeper
) -> None:
    write_session(files.database, "a")
    with closing(sqlite3.connect(files.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(StoreError, match="locked"):
            keeper.purge("logged_out")
        assert time.monotonic() - begun < 6
    assert seen(files) == ("a", (), ())
