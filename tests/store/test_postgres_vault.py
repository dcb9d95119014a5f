"""Copies of a session in Postgres: taken, set aside, put back, and whole after any crash."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("psycopg")

from store.crash import _killing_at
from store.devices import connect, content, seen, write_device
from wa_supervisor.errors import ConfigError, KeysGone, StoreError, Unreachable
from wa_supervisor.hints import Action, Hint
from wa_supervisor.store import (
    CredentialKeeper,
    Recovered,
    SessionFiles,
    SqliteVault,
    open_vault,
    quarantined,
)
from wa_supervisor.store import intent as intents
from wa_supervisor.store.postgres.database import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from store.sessions import Seen
    from wa_supervisor.store import Vault


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    files = SessionFiles.at("shop", tmp_path)
    files.prepare_directory()
    return files


@pytest.fixture
def vault(files: SessionFiles, tables: SecretStr) -> Vault:
    return open_vault(files, tables)


@pytest.fixture
def keeper(files: SessionFiles, vault: Vault) -> Iterator[CredentialKeeper]:
    yield CredentialKeeper(files, vault)
    vault.release()


def copies(vault: Vault, url: SecretStr, *marks: str) -> None:
    for generation, mark in enumerate(marks, 1):
        write_device(url, mark)
        vault.take_snapshot(generation, keep=3)


def test_the_setting_alone_chooses_where_the_keys_are(
    files: SessionFiles, tables: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_vault(files, None) == SqliteVault(files)
    assert tables.get_secret_value() not in repr(open_vault(files, tables))
    for name in [name for name in sys.modules if name.startswith("psycopg")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "wa_supervisor.store.postgres.database")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError) as caught:
        open_vault(files, tables)
    assert caught.value.hint == Hint(Action.INSTALL, "wa-supervisor[postgres]")


def test_a_new_session_dials_unpaired_and_leaves_no_file(
    files: SessionFiles, postgres: SecretStr
) -> None:
    """The database is empty: whatsmeow makes its tables when it starts."""
    vault = open_vault(files, postgres)
    assert CredentialKeeper(files, vault).before_dial(1) is False
    assert list(files.directory.iterdir()) == []
    vault.release()


def test_every_dial_with_credentials_leaves_a_copy_and_an_unchanged_one_is_not_copied(
    files: SessionFiles, keeper: CredentialKeeper, tables: SecretStr
) -> None:
    write_device(tables, "a")
    assert keeper.before_dial(1) is True
    assert keeper.before_dial(2) is True
    assert seen(files, tables) == ("a", ("a",), ())
    for generation, mark in enumerate("bcd", 3):
        write_device(tables, mark)
        assert keeper.before_dial(generation) is True
    assert seen(files, tables) == ("d", ("d", "c", "b"), ())


def test_a_purge_takes_rows_and_copies_away_and_the_next_pairing_begins_clean(
    files: SessionFiles, keeper: CredentialKeeper, tables: SecretStr
) -> None:
    copies(keeper.vault, tables, "a", "b")
    write_device(tables, "c")
    keeper.before_dial(7)
    keeper.purge("logged_out")
    assert seen(files, tables) == (None, (), (("logged_out", "c", "c", "b", "a"),))
    (entry,) = quarantined(files)
    assert entry.has_keys
    assert entry.manifest is not None
    assert entry.manifest.generation == 7
    assert keeper.before_dial(8) is False
    keeper.purge("logged_out")
    assert len(quarantined(files)) == 1
    with connect(tables) as connection:
        assert connection.execute("SELECT count(*) FROM whatsmeow_version").fetchone() == (1,)


def test_what_whatsmeow_leaves_when_it_deletes_the_device_goes_as_well(
    files: SessionFiles, keeper: CredentialKeeper, tables: SecretStr
) -> None:
    copies(keeper.vault, tables, "a")
    write_device(tables, "a", paired=False)
    keeper.purge("login_rejected")
    assert seen(files, tables) == (None, (), (("login_rejected", "-a", "a"),))


def test_keys_that_no_purge_took_are_not_dialled_with_before_the_core_knows(
    files: SessionFiles, keeper: CredentialKeeper, tables: SecretStr
) -> None:
    copies(keeper.vault, tables, "a", "b")
    write_device(tables, "b", paired=False)
    with pytest.raises(KeysGone, match="no purge took them"):
        keeper.before_dial(3)
    assert keeper.restore() is True
    assert seen(files, tables) == ("b", ("b", "a"), (("restored", "-b"),))
    assert keeper.restore() is True
    assert keeper.before_dial(4) is True


def test_a_copy_that_is_damaged_or_of_another_version_is_passed_over(
    vault: Vault, tables: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    copies(vault, tables, "a", "b", "c")
    newest, middle, _ = vault.snapshots()
    newest.path.write_bytes(newest.path.read_bytes()[:-9])
    tree = json.loads(middle.path.read_bytes())
    middle.path.write_text(json.dumps(tree | {"version": tree["version"] - 1}))
    write_device(tables, "c", paired=False)
    restored = vault.restore()
    assert restored is not None
    assert restored.id == vault.snapshots()[2].id
    assert "is damaged" in caplog.text
    assert "of version" in caplog.text
    assert vault.is_paired()


def test_no_copy_goes_into_a_database_without_tables(
    files: SessionFiles, vault: Vault, tables: SecretStr, postgres: SecretStr
) -> None:
    """The URL names the wrong database: pairing there would lose sight of the right one."""
    copies(vault, tables, "a")
    other = CredentialKeeper(files, open_vault(files, postgres))
    with pytest.raises(KeysGone):
        other.before_dial(2)
    with pytest.raises(StoreError, match="is it the right one"):
        other.restore()
    other.purge("operator")
    assert other.before_dial(3) is False
    other.vault.release()


def test_an_operator_puts_a_quarantined_session_back(
    files: SessionFiles, vault: Vault, tables: SecretStr
) -> None:
    copies(vault, tables, "a")
    entry = vault.purge("operator", 1)
    assert entry is not None
    copies(vault, tables, "b")
    restored = vault.restore(entry.id)
    assert restored is not None
    assert restored.aside is not None
    aside = ("restored", "b", "b")
    assert seen(files, tables) == ("a", (), (aside, ("operator", "a", "a")))
    with pytest.raises(ConfigError, match="nothing-like-it"):
        vault.restore("nothing-like-it")


def test_a_server_that_is_away_refuses_every_deed_and_loses_nothing(
    files: SessionFiles, vault: Vault, tables: SecretStr
) -> None:
    copies(vault, tables, "a")
    where = tables.get_secret_value().partition("host=")[2].partition("&")[0]
    url = type(tables)(tables.get_secret_value().replace(where, "/nowhere"))
    away = open_vault(files, url)
    for deed in (
        away.is_paired,
        lambda: away.take_snapshot(1, keep=3),
        lambda: away.purge("operator"),
        away.restore,
    ):
        with pytest.raises(Unreachable):
            deed()
    assert seen(files, tables) == ("a", ("a",), ())


class Cut(Exception):
    """A crash."""


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("deed", ["purge", "restore"])
def test_the_commit_decides_whether_a_crash_is_undone_or_finished(  # noqa: PLR0913
    files: SessionFiles,
    vault: Vault,
    tables: SecretStr,
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
    *,
    committed: bool,
) -> None:
    copies(vault, tables, "a", "b")
    write_device(tables, "c" if deed == "purge" else "b", paired=deed == "purge")
    before = seen(files, tables)

    def crash(*_: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        if committed:
            patch.setattr(intents, "carry_out", crash)
        else:
            patch.setattr(Tables, "clear", crash)
        with pytest.raises(Cut):
            vault.purge("logged_out") if deed == "purge" else vault.restore()
    assert files.intent.exists()
    assert vault.recover() is (
        Recovered.UNDONE
        if not committed
        else {"purge": Recovered.PURGED, "restore": Recovered.RESTORED}[deed]
    )
    after: dict[str, Seen] = {
        "purge": (None, (), (("logged_out", "c", "b", "a"),)),
        "restore": ("b", ("b", "a"), (("restored", "-b"),)),
    }
    assert seen(files, tables) == (after[deed] if committed else before)
    assert vault.recover() is Recovered.NOTHING


def test_rows_that_came_back_after_the_commit_cost_no_copy(
    files: SessionFiles, vault: Vault, tables: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody played a backup in between the crash and the next start."""
    copies(vault, tables, "a")
    with monkeypatch.context() as patch, contextlib.suppress(Cut):

        def crash(*_: object) -> None:
            raise Cut

        patch.setattr(intents, "carry_out", crash)
        vault.purge("logged_out")
    write_device(tables, "x")
    vault.recover()
    assert seen(files, tables) == ("x", (), (("logged_out", "a", "a"),))


def _purge(vault: Vault) -> object:
    return vault.purge("logged_out", 4)


def _restore(vault: Vault) -> object:
    return vault.restore()


def _snapshot(vault: Vault) -> object:
    return vault.take_snapshot(4, keep=3)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="forks and kills")
@pytest.mark.parametrize(
    ("deed", "paired", "ends"),
    [
        (_snapshot, True, [("d", ("b", "a"), ()), ("d", ("d", "b", "a"), ())]),
        (_purge, True, [("d", ("b", "a"), ()), (None, (), (("logged_out", "d", "b", "a"),))]),
        (_restore, False, [("-d", ("b", "a"), ()), ("b", ("b", "a"), (("restored", "-d"),))]),
    ],
)
def test_a_kill_before_any_step_leaves_old_or_new(
    tmp_path: Path,
    tables: SecretStr,
    deed: Callable[[Vault], object],
    paired: bool,
    ends: list[Any],
) -> None:
    template, case = tmp_path / "template", tmp_path / "case"
    files = SessionFiles.at("shop", template)
    files.prepare_directory()
    copies(open_vault(files, tables), tables, "a", "b")
    write_device(tables, "d", paired=paired)
    start = content(tables)
    # What is looked up once for all, as the versions, is none of the steps.
    shutil.copytree(template, case)
    files = SessionFiles.at("shop", case)
    deed(open_vault(files, tables))
    met: dict[int, int] = {}
    step = 0
    while True:
        step += 1
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(template, case)
        if content(tables) != start:
            with open_vault(files, tables).database.transaction(alone=True) as found:  # type: ignore[attr-defined]
                found.clear()
                found.fill(start)
        idle = {"fspath", "lstat", "stat", "fstat", "listdir", "scandir", "is_dir", "getpid"}
        idle |= {"urandom", "read", "seek", "text_encoding", "open_code"}
        died, call = _killing_at(step, lambda: deed(open_vault(files, tables)), idle)
        if not died:
            break
        vault = open_vault(files, tables)
        vault.prepare()
        vault.recover()
        now = seen(files, tables)
        assert now in ends, f"step {step} {call}"
        met[ends.index(now)] = met.get(ends.index(now), 0) + 1
    assert seen(files, tables) == ends[-1]
    assert sum(met.values()) >= 15
    assert set(met) == {0, 1}
