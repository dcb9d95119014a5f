"""What an operator can do with a session's keys, and what is said about it."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.sessions import JID, SECRET, mark_of, seen, write_session
from wa_supervisor.journal import Journal
from wa_supervisor.journal.memory import remember
from wa_supervisor.lifecycle import DeadKeysPlan, Phase, Reason, Session
from wa_supervisor.status import StepRecord
from wa_supervisor.store import SessionFiles, SessionLock, SqliteVault, quarantined

if TYPE_CHECKING:
    from cli.calling import Answer, Cli


@pytest.fixture
def cli(shop: Cli) -> Cli:
    """Call a command; it tells no secret, and what it says fits a screen."""

    def call(*arguments: str) -> Answer:
        answer = shop(*arguments)
        for secret in (JID, JID.partition(":")[0], SECRET):
            assert secret not in answer.said
        if arguments[0] != "history":
            # A line that is to be typed is never broken.
            free = ("{", "    wa-supervisor ")
            lines = answer.out.splitlines()
            assert all(len(line) <= 80 for line in lines if not line.startswith(free))
            assert len(lines) <= 24
        return answer

    return call


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    files = SessionFiles.open("shop", tmp_path)
    for generation, mark in enumerate("ab", 1):
        write_session(files.database, mark)
        SqliteVault(files).take_snapshot(generation)
    write_session(files.database, "c", paired=False)
    return files


def test_what_can_be_put_back_is_listed(cli: Cli, files: SessionFiles) -> None:
    write_session(files.database, "q")
    entry = SqliteVault(files).purge("logged_out")
    assert entry is not None
    write_session(files.database, "d")
    newest = SqliteVault(files).take_snapshot(12)
    assert newest is not None
    answer = cli("snapshots")
    assert answer.code == 0
    header, first, second, *_ = answer.out.splitlines()
    assert header.split() == ["ID", "KIND", "AGE", "SIZE", "USABLE"]
    assert first.split()[:2] == [newest.id, "snapshot"]
    assert second.split()[:2] == [entry.id, "quarantined"]
    assert first.split()[-1] == "yes"


def test_what_is_listed_can_be_read_by_a_program(cli: Cli, files: SessionFiles) -> None:
    newest, oldest = SqliteVault(files).snapshots()
    newest.path.write_bytes(os.urandom(5000))
    lines = [json.loads(line) for line in cli("snapshots", "--json").out.splitlines()]
    assert [(line["id"], line["usable"]) for line in lines] == [
        (newest.id, False),
        (oldest.id, True),
    ]
    assert set(lines[0]) == {"id", "kind", "taken", "size", "usable"}


def test_nothing_to_list_is_said(cli: Cli, tmp_path: Path) -> None:
    SessionFiles.open("shop", tmp_path)
    answer = cli("snapshots")
    assert answer.code == 0
    assert "no snapshot" in answer.out


@pytest.mark.parametrize("command", ["snapshots", "restore", "purge"])
def test_a_session_that_is_not_there_is_not_made(cli: Cli, tmp_path: Path, command: str) -> None:
    answer = cli(command)
    assert answer.code == 3
    assert "there is no session 'shop'" in answer.err
    assert not (tmp_path / "sessions").exists()


def test_a_restore_says_what_it_can_and_cannot_do(cli: Cli, files: SessionFiles) -> None:
    newest = SqliteVault(files).snapshots()[0]
    answer = cli("restore", "--yes")
    assert answer.code == 0
    assert "WhatsApp still knows its keys" in answer.out
    assert "cannot undo an" in answer.out
    assert f"{newest.id} was put back" in answer.out
    assert quarantined(files)[0].id in answer.out
    assert "The session is paired" in answer.out
    assert mark_of(files.database) == "b"


def test_a_restore_takes_the_beginning_of_an_id(cli: Cli, files: SessionFiles) -> None:
    oldest = SqliteVault(files).snapshots()[1]
    assert cli("restore", oldest.id[:16], "-y").code == 0
    assert mark_of(files.database) == "a"


def test_a_restore_of_what_is_not_there_is_a_usage_error(cli: Cli, files: SessionFiles) -> None:
    answer = cli("restore", "nope", "--yes")
    assert answer.code == 2
    assert "no snapshot or quarantined session 'nope'" in answer.err
    assert mark_of(files.database) == "-c"


def test_a_restore_without_a_snapshot_is_an_error(cli: Cli, tmp_path: Path) -> None:
    SessionFiles.open("shop", tmp_path)
    answer = cli("restore", "--yes")
    assert answer.code == 3
    assert "no snapshot" in answer.err


def test_a_restore_of_a_damaged_copy_changes_nothing(cli: Cli, files: SessionFiles) -> None:
    newest = SqliteVault(files).snapshots()[0]
    newest.path.write_bytes(os.urandom(5000))
    answer = cli("restore", newest.id, "--yes")
    assert answer.code == 3
    assert "nothing was changed" in answer.err
    assert mark_of(files.database) == "-c"
    assert cli("restore", "--yes").code == 0
    assert mark_of(files.database) == "a"


def test_a_purge_sets_aside_and_says_how_to_undo_it(
    cli: Cli, files: SessionFiles, tmp_path: Path
) -> None:
    write_session(files.database, "c")
    answer = cli("purge", "--yes")
    assert answer.code == 0
    assert seen(files) == (None, (), (("operator", "c", "b", "a"),))
    (entry,) = quarantined(files)
    assert f"restore --session shop --data-dir {tmp_path} {entry.id}" in answer.out
    assert "The phone is not told" in answer.out
    assert cli("restore", entry.id, "--yes").code == 0
    assert mark_of(files.database) == "c"


def test_a_second_purge_finds_nothing(cli: Cli, files: SessionFiles) -> None:
    cli("purge", "--yes")
    answer = cli("purge", "--yes")
    assert answer.code == 0
    assert "nothing to set aside" in answer.out
    assert len(quarantined(files)) == 1


def test_a_purge_keeps_the_limits_of_the_settings(
    cli: Cli, files: SessionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_QUARANTINE__KEEP", "1")
    cli("purge", "--yes")
    write_session(files.database, "z")
    answer = cli("purge", "--yes")
    assert "until 1 later" in answer.out
    assert seen(files)[2] == (("operator", "z"),)


@pytest.mark.parametrize("command", ["restore", "purge"])
def test_nothing_is_done_without_a_yes(
    cli: Cli, files: SessionFiles, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    answer = cli(command)
    assert answer.code != 0
    assert seen(files) == ("-c", ("b", "a"), ())


@pytest.mark.parametrize("command", ["restore", "purge"])
def test_while_a_supervisor_runs_it_is_named_and_nothing_is_done(
    cli: Cli, files: SessionFiles, command: str
) -> None:
    with SessionLock(files, command="wa-supervisor run"):
        answer = cli(command, "--yes")
        listed = cli("snapshots")
    assert answer.code == 3
    assert f"pid {os.getpid()} on host" in answer.err
    assert "wa-supervisor run" in answer.err
    assert listed.code == 0
    assert seen(files) == ("-c", ("b", "a"), ())


@pytest.mark.parametrize(
    ("command", "fact"), [("restore", "OperatorRestored"), ("purge", "OperatorPurged")]
)
def test_the_next_run_owes_nothing_to_the_keys_that_were_there(
    cli: Cli, files: SessionFiles, command: str, fact: str
) -> None:
    """Else the restored session would be purged as the dead one. Bans and budgets stay."""
    now = datetime.now(UTC)
    dead = Session(
        phase=Phase.GAVE_UP,
        reason=Reason.LOCKED,
        given_up=Reason.LOCKED,
        dead_keys_plan=DeadKeysPlan.PURGE,
        strikes=2,
        retries=3,
        generation=7,
    )
    record = StepRecord(
        ts=now,
        session="shop",
        fact="LoggedOut",
        before="Init",
        after="GaveUp",
        substate=None,
        taken=True,
        reason="locked",
        cause=None,
        detail="",
        bot_busy=False,
        effects=(),
        generation=7,
        retries=3,
        not_before=None,
    )
    journal = Journal.open(files.journal)
    journal.append(record, remember(dead, 0.0, now))
    journal.close()
    assert cli(command, "--yes").code == 0
    journal = Journal.open(files.journal)
    memory, steps = journal.memory(), journal.steps()
    journal.close()
    assert memory is not None
    found = memory.session
    assert (found.dead_keys_plan, found.strikes) == (None, 0)
    assert (found.given_up, found.retries, found.generation) == (Reason.LOCKED, 3, 7)
    assert [step.fact for step in steps] == ["LoggedOut", fact]
    history = cli("history")
    assert fact in history.out
