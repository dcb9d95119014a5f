"""`resume` and `relink` where no supervisor runs: kept for the next one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from journal.rows import make_record
from wa_supervisor.journal import Journal, read, remember
from wa_supervisor.journal.amend import amend
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.setting_groups import JournalSettings
from wa_supervisor.store import SessionFiles, SessionLock

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    """A session that was given up, and that nobody supervises."""
    files = SessionFiles.open("shop", tmp_path)
    session = Session(
        phase=Phase.GAVE_UP,
        reason=Reason.OUTDATED,
        given_up=Reason.OUTDATED,
        generation=7,
        retries=3,
    )
    now = datetime.now(UTC)
    journal = Journal.open(files.journal)
    journal.append(make_record(7, ts=now, after="GaveUp"), remember(session, 0.0, now))
    journal.close()
    return files


@pytest.mark.parametrize(
    ("command", "fact", "said"),
    [
        (["resume"], "OperatorResumed", "resumes when it is started"),
        (["relink", "--yes"], "OperatorRelinked", "WhatsApp is not told now"),
    ],
)
def test_an_order_is_kept_and_nothing_else_is_changed(
    shop: Cli, files: SessionFiles, command: list[str], fact: str, said: str
) -> None:
    before = read(files.journal).memory
    assert before is not None
    answer = shop(*command)
    assert answer.code == 0, answer.said
    assert said in answer.said
    past = read(files.journal)
    assert past.memory == before.model_copy(update={"order": command[0]})
    assert (past.entries[-1].fact, past.entries[-1].reason) == (fact, "outdated")
    assert past.entries[-1].before == past.entries[-1].after == "GaveUp"
    history = shop("history").said
    assert fact in history


def test_the_last_order_counts(shop: Cli, files: SessionFiles) -> None:
    shop("relink", "--yes")
    shop("resume")
    memory = read(files.journal).memory
    assert memory is not None
    assert memory.order == "resume"


def test_a_session_that_never_ran_takes_no_order(shop: Cli, tmp_path: Path) -> None:
    answer = shop("resume")
    assert answer.code == 3
    assert "no supervisor runs for session 'shop'" in answer.said
    assert not (tmp_path / "sessions").exists()
    SessionFiles.open("shop", tmp_path)
    answer = shop("resume")
    assert answer.code == 3
    assert list((tmp_path / "sessions" / "shop").iterdir()) == [
        tmp_path / "sessions" / "shop" / "session.db"
    ]


def test_a_supervisor_that_takes_no_orders_yet_is_named(shop: Cli, files: SessionFiles) -> None:
    with SessionLock(files, command="wa-supervisor run"):
        answer = shop("resume")
    assert answer.code == 3
    assert f"pid {os.getpid()} on host" in answer.said
    memory = read(files.journal).memory
    assert memory is not None
    assert memory.order is None


def test_there_is_nothing_to_amend_without_a_memory(files: SessionFiles) -> None:
    files.journal.unlink()
    assert not amend(files, JournalSettings(), "OperatorResumed", order="resume")
    Journal.open(files.journal).close()
    assert not amend(files, JournalSettings(), "OperatorResumed", order="resume")
