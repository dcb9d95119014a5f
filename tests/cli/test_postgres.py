"""What an operator can do with a session's keys that are in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("psycopg")

from store.devices import seen, write_device
from store.sessions import JID
from wa_supervisor.redaction import url_secrets
from wa_supervisor.store import SessionFiles, SessionLock, claimed, open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from cli.calling import Answer, Cli


@pytest.fixture
def cli(shop: Cli, tables: SecretStr, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call a command; it tells neither the password nor the number."""
    monkeypatch.setenv("WA_SUPERVISOR_DATABASE", tables.get_secret_value())

    def call(*arguments: str) -> Answer:
        answer = shop(*arguments)
        for secret in (*url_secrets(tables.get_secret_value()), JID.partition(":")[0]):
            assert secret not in answer.said
        return answer

    return call


@pytest.fixture
def files(tmp_path: Path, tables: SecretStr) -> SessionFiles:
    files = SessionFiles.at("shop", tmp_path)
    files.prepare_directory()
    for generation, mark in enumerate("ab", 1):
        write_device(tables, mark)
        open_vault(files, tables).take_snapshot(generation, keep=3)
    return files


def test_a_session_is_set_aside_listed_and_put_back(
    cli: Cli, files: SessionFiles, tables: SecretStr
) -> None:
    newest, oldest = open_vault(files, tables).snapshots()
    answer = cli("snapshots")
    assert answer.code == 0
    listed = [line.split() for line in answer.said.splitlines()[1:3]]
    assert [(line[0], line[1], line[-1]) for line in listed] == [
        (newest.id, "snapshot", "yes"),
        (oldest.id, "snapshot", "yes"),
    ]
    answer = cli("purge", "--yes")
    assert answer.code == 0
    assert "not paired" in answer.said
    assert seen(files, tables) == (None, (), (("operator", "b", "b", "a"),))
    answer = cli("snapshots")
    entry, kind, *_, usable = answer.said.splitlines()[1].split()
    assert (kind, usable) == ("quarantined", "yes")
    answer = cli("restore", entry, "--yes")
    assert answer.code == 0
    assert "is paired" in answer.said
    assert seen(files, tables)[0] == "b"


def test_a_server_that_is_away_is_told_and_nothing_is_changed(
    cli: Cli, files: SessionFiles, tables: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tables.get_secret_value()
    place = url.partition("host=")[2].partition("&")[0]
    monkeypatch.setenv("WA_SUPERVISOR_DATABASE", url.replace(place, "/nowhere"))
    for command in ("purge", "restore"):
        answer = cli(command, "--yes")
        assert answer.code == 3
        assert "does not answer" in answer.said
        assert "nothing was lost" in answer.said
    assert seen(files, tables) == ("b", ("b", "a"), ())


@pytest.mark.parametrize("command", ["purge", "restore"])
def test_nothing_is_touched_while_a_supervisor_elsewhere_has_the_database(
    cli: Cli, files: SessionFiles, tables: SecretStr, tmp_path: Path, command: str
) -> None:
    elsewhere = open_vault(SessionFiles.at("shop", tmp_path / "elsewhere"), tables)
    with claimed(elsewhere):
        answer = cli(command, "--yes")
    assert answer.code == 3
    assert "is already used by wa-supervisor pid" in answer.said
    assert seen(files, tables) == ("b", ("b", "a"), ())


def test_nothing_is_touched_while_a_supervisor_has_the_session(
    cli: Cli, files: SessionFiles, tables: SecretStr
) -> None:
    with SessionLock(files):
        for command in ("purge", "restore"):
            answer = cli(command, "--yes")
            assert answer.code == 3
            assert "already supervised" in answer.said
    assert seen(files, tables) == ("b", ("b", "a"), ())
