from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from wa_supervisor.errors import ConfigError, StoreError, UnsafePermissions
from wa_supervisor.hints import Action, Hint
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.layout import expand


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_session_lives_in_its_own_directory_under_the_data_dir(tmp_path: Path) -> None:
    files = SessionFiles.at("shop", tmp_path)
    assert files.directory == tmp_path / "sessions" / "shop"
    assert files.database == files.directory / "session.db"
    assert files.lock == files.directory / "lock"
    assert {path.name for path in files.sidecars} == {
        "session.db-wal",
        "session.db-shm",
        "session.db-journal",
    }


def test_asking_where_it_lives_touches_nothing(tmp_path: Path) -> None:
    SessionFiles.at("shop", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_a_data_dir_the_state_directory_of_the_user_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = SessionFiles.at("shop").directory
    assert directory == tmp_path / "wa-supervisor" / "sessions" / "shop"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everything_made_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files = SessionFiles.open("shop", tmp_path / "a" / "b")
    finally:
        os.umask(before)
    for path in (tmp_path / "a", tmp_path / "a/b", files.directory.parent, files.directory):
        assert mode_of(path) == 0o700
    assert mode_of(files.database) == 0o600
    assert files.database.stat().st_size == 0


def test_sqlite_gives_the_sidecars_the_private_mode(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    connection = sqlite3.connect(files.database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    modes = {path.name: mode_of(path) for path in files.sidecars if path.exists()}
    connection.close()
    assert modes == {"session.db-wal": 0o600, "session.db-shm": 0o600}


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    files.database.write_bytes(b"keys")
    assert SessionFiles.open("shop", tmp_path) == files
    assert files.database.read_bytes() == b"keys"


def test_preparing_after_a_removal_makes_a_private_database_again(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    files.database.unlink()
    files.prepare()
    assert mode_of(files.database) == 0o600


@pytest.mark.parametrize("name", ["a", "Shop-1", "_x", "a.b", "9" * 64])
def test_plain_session_names_are_taken(tmp_path: Path, name: str) -> None:
    assert SessionFiles.at(name, tmp_path).directory.name == name


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a b", "a\n", "é", "9" * 65, "a\\b"])
def test_other_session_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="session name"):
        SessionFiles.at(name, tmp_path)


def test_home_and_variables_are_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("WHERE", "here")
    assert expand(Path("~/x/${WHERE}/$WHERE-$$")) == Path("/home/ada/x/here/here-$")
    assert expand(Path()) == Path()


def test_what_an_expansion_brings_in_is_not_expanded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/$WHERE")
    monkeypatch.setenv("WHERE", "~$HOME")
    assert expand(Path("~/$WHERE")) == Path("/home/$WHERE/~$HOME")


def test_an_undefined_variable_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_PLACE", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_PLACE"):
        SessionFiles.at("shop", Path("/x/$NO_SUCH_PLACE"))


def test_a_lone_dollar_sign_is_an_error_that_shows_the_way() -> None:
    with pytest.raises(ConfigError) as caught:
        expand(Path("/x/5$"))
    assert "$$" in str(caught.value.hint)


def test_an_unknown_user_is_an_error() -> None:
    with pytest.raises(ConfigError, match="~nobody-here-by-that-name"):
        expand(Path("~nobody-here-by-that-name/x"))


def test_a_relative_data_dir_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert SessionFiles.at("shop", Path("d")).directory == tmp_path / "d/sessions/shop"


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_directory_open_to_others_is_refused_with_what_helps(tmp_path: Path, mode: int) -> None:
    files = SessionFiles.open("shop", tmp_path / "with space")
    files.directory.chmod(mode)
    with pytest.raises(UnsafePermissions) as caught:
        files.prepare()
    assert caught.value.hint == Hint(Action.MAKE_PRIVATE, str(files.directory))
    files.directory.chmod(0o700)
    files.prepare()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_database_open_to_others_is_refused_with_what_helps(tmp_path: Path, mode: int) -> None:
    files = SessionFiles.open("shop", tmp_path)
    files.database.chmod(mode)
    with pytest.raises(UnsafePermissions, match=f"{mode:04o}") as caught:
        files.prepare()
    assert caught.value.hint == Hint(Action.MAKE_PRIVATE, str(files.database))
    files.database.chmod(0o600)
    files.prepare()


def test_a_symbolic_link_in_place_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    files = SessionFiles.at("shop", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    files.directory.parent.mkdir()
    files.directory.symlink_to(elsewhere)
    with pytest.raises(StoreError, match="symbolic link"):
        files.prepare()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("target_exists", [True, False])
def test_a_symbolic_link_in_place_of_the_database_is_not_followed(
    tmp_path: Path, *, target_exists: bool
) -> None:
    files = SessionFiles.open("shop", tmp_path)
    target = tmp_path / "target"
    if target_exists:
        target.touch(0o600)
    files.database.unlink()
    files.database.symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"):
        files.prepare()
    assert target.exists() == target_exists


def test_a_directory_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    files.database.unlink()
    files.database.mkdir()
    with pytest.raises(StoreError, match="regular file"):
        files.prepare()


def test_a_file_in_place_of_a_parent_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StoreError, match="Not a directory"):
        SessionFiles.open("shop", tmp_path / "data")
