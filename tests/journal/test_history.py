"""`wa-supervisor history`, read as a person and as a program would."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import termios
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from journal.rows import WALL, make_memory, make_record
from wa_supervisor.cli.history import moment
from wa_supervisor.errors import ConfigError
from wa_supervisor.journal import Journal, remember
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from pathlib import Path


def history(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wa_supervisor", "history", "--data-dir", str(tmp_path), *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "XDG_CONFIG_HOME": str(tmp_path / "config")},
        check=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles.open("default", tmp_path)


def filled(files: SessionFiles, rows: int) -> Journal:
    journal = Journal.open(files.journal)
    for number in range(rows):
        journal.append(make_record(number), make_memory(number))
    return journal


def test_it_is_readable_on_a_terminal_of_80_columns_and_24_lines(
    tmp_path: Path, files: SessionFiles
) -> None:
    with closing(filled(files, 40)):  # while it is being written
        reading, writing = os.openpty()
        termios.tcsetwinsize(writing, (24, 80))
        shown = subprocess.run(
            [sys.executable, "-m", "wa_supervisor", "history", "--data-dir", str(tmp_path)],
            stdout=writing,
            timeout=60,
            env={**os.environ, "TZ": "UTC", "XDG_CONFIG_HOME": str(tmp_path / "config")},
            check=False,
        )
        os.close(writing)
        text = os.read(reading, 1 << 16).decode()
        os.close(reading)
    assert shown.returncode == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert 20 < len(lines) <= 23
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("06-01 12:00:20  Init -> Backoff")
    assert "the dial or its handshake failed" in lines[19]


def test_in_a_file_nothing_is_cut_and_each_time_has_its_zone(
    tmp_path: Path, files: SessionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    filled(files, 3).close()
    shown = history(tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[2] == (
        "2025-06-01 14:00:02 CEST  Init -> Backoff          the dial or its handshake failed "
        "[DialFailed] (dial_failed), retry 2, "
        "until 2025-06-01 14:00:10 CEST: connection refused"
    )
    assert "times are of this machine (CE" in shown.stdout


def test_followed_it_goes_on_with_each_new_step(tmp_path: Path, files: SessionFiles) -> None:
    with closing(filled(files, 3)) as journal:
        command = [sys.executable, "-m", "wa_supervisor", "history", "-f", "--json"]
        with subprocess.Popen(
            [*command, "--data-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as following:
            assert following.stdout is not None
            try:
                seen = [json.loads(following.stdout.readline())["generation"] for _ in range(3)]
                for number in (3, 4):
                    journal.append(make_record(number), make_memory(number))
                seen += [json.loads(following.stdout.readline())["generation"] for _ in range(2)]
            finally:
                following.send_signal(signal.SIGINT)
    assert seen == [0, 1, 2, 3, 4]
    assert following.returncode == 130


def test_as_json_it_gives_what_run_gives_and_nothing_else(
    tmp_path: Path, files: SessionFiles
) -> None:
    filled(files, 3).close()
    shown = history(tmp_path, "--json", "--limit", "2")
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    expected = make_record(2).model_dump(mode="json", exclude={"taken"})
    assert rows[1] == expected | {"detail": "connection refused", "missed": 0}
    assert len(rows) == 2


def test_it_shows_all_if_asked_and_only_what_is_younger_if_asked(
    tmp_path: Path, files: SessionFiles
) -> None:
    filled(files, 40).close()
    assert len(history(tmp_path, "--json", "--limit", "0").stdout.splitlines()) == 40
    since = (WALL + timedelta(seconds=35)).isoformat()
    assert len(history(tmp_path, "--json", "--since", since).stdout.splitlines()) == 5
    assert "no step in that time" in history(tmp_path, "--since", "1s").stdout


def test_it_says_what_is_given_up_and_what_was_missed(tmp_path: Path, files: SessionFiles) -> None:
    given_up = Session(phase=Phase.GAVE_UP, given_up=Reason.BANNED, reason=Reason.BANNED)
    with closing(Journal.open(files.journal)) as journal:
        journal.skip()
        journal.append(make_record(after="GaveUp"), remember(given_up, 0.0, WALL))
    shown = history(tmp_path).stdout
    assert "1 steps could not be recorded" in shown
    assert "given up: WhatsApp banned the account (406)." in shown


def test_a_session_that_never_ran_is_an_error_with_a_hint(tmp_path: Path) -> None:
    shown = history(tmp_path, "--session", "nobody")
    assert shown.returncode == 3
    assert "never run" in shown.stderr
    assert "data_dir" in shown.stderr
    assert not (tmp_path / "sessions").exists()


def test_a_broken_journal_is_reported_and_left_alone(tmp_path: Path, files: SessionFiles) -> None:
    files.journal.write_bytes(b"garbage" * 1000)
    shown = history(tmp_path)
    assert shown.returncode == 3
    assert "Traceback" not in shown.stderr
    assert files.journal.read_bytes() == b"garbage" * 1000


def test_a_span_or_a_time_is_understood_and_anything_else_is_refused() -> None:
    now = datetime(2025, 6, 1, 12, tzinfo=UTC)
    assert moment("2h", now) == now - timedelta(hours=2)
    assert moment("90m", now) == now - timedelta(minutes=90)
    assert moment("9999w", now) < now
    assert moment("2025-05-31T08:00", now) == datetime(2025, 5, 31, 8, tzinfo=UTC)
    assert moment("2025-05-31T08:00+02:00", now) == datetime(2025, 5, 31, 6, tzinfo=UTC)
    for wrong in ("yesterday", "2", "-2h", ""):
        with pytest.raises(ConfigError, match="neither a span nor a time"):
            moment(wrong, now)
