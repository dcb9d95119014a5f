from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wa_supervisor import crashes
from wa_supervisor.crashes import CrashReport
from wa_supervisor.lifecycle.facts import ChildExited
from wa_supervisor.session.shared.spec import ExitCode
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli

BOT = ChildExited(7, ExitCode.BOT_FAILED, None)
PRINTED = "Traceback ...\nKeyError: 'TOKEN'"


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    found = SessionFiles.at("shop", tmp_path)
    found.directory.mkdir(parents=True, mode=0o700)
    return found


@pytest.mark.usefixtures("files")
def test_a_session_without_crashes_says_so(shop: Cli) -> None:
    answer = shop("crashes")
    assert (answer.code, answer.out) == (0, "shop: no session process has died\n")


def test_a_report_is_shown_with_its_last_words(shop: Cli, files: SessionFiles) -> None:
    crashes.write(files.directory, CrashReport.of(BOT, "shop", ["Start", "BotFailed"], PRINTED))
    answer = shop("crashes")
    assert answer.code == 0
    assert "the bot ended the process, or could not be started (exit code 5)" in answer.out
    assert "    KeyError: 'TOKEN'\n" in answer.out
    assert "before it: Start, BotFailed" in answer.out
    assert "neonize 0.5.2" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 100


def test_the_newest_are_shown_last_and_the_rest_on_demand(shop: Cli, files: SessionFiles) -> None:
    for number in range(5):
        exited = ChildExited(number, None, 9)
        report = CrashReport.of(exited, "shop", [], f"number {number}")
        crashes.write(files.directory, report)
    out = shop("crashes").out
    assert [number for number in range(5) if f"number {number}" in out] == [2, 3, 4]
    assert "the process was killed from outside (Killed)" in out
    assert "5 reports, redacted; times are UTC; --limit 5 shows all" in out
    rows = [json.loads(line) for line in shop("crashes", "--json", "--limit", "9").out.splitlines()]
    assert [row["generation"] for row in rows] == [0, 1, 2, 3, 4]


def test_a_file_that_is_no_report_is_named_and_hides_no_other(
    shop: Cli, files: SessionFiles
) -> None:
    path = crashes.write(files.directory, CrashReport.of(BOT, "shop", [], PRINTED))
    path.write_text("{}")
    crashes.write(files.directory, CrashReport.of(BOT, "shop", [], PRINTED))
    answer = shop("crashes")
    assert answer.code == 0
    assert "KeyError: 'TOKEN'" in answer.out
    assert f"cannot read the crash report {path.name}: it is no report of ours" in answer.err
    assert f"look at {path}, or remove it" in answer.err


def test_a_session_that_was_never_run_is_no_session_without_crashes(shop: Cli) -> None:
    answer = shop("crashes")
    assert answer.code == 3
    assert "session 'shop' was never run" in answer.err
    assert "wa-supervisor sessions" in answer.err
