from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from store.sessions import mark_of, write_session
from wa_supervisor.errors import StoreError
from wa_supervisor.store import Recovered, SessionFiles
from wa_supervisor.store.intent import Intent, Operation, recover


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    files = SessionFiles.open("shop", tmp_path)
    write_session(files.database, "a")
    return files


def half_done(files: SessionFiles, intent: Intent) -> None:
    """As a crash right after the intent became durable leaves it."""
    files.quarantine.mkdir(mode=0o700)
    files.staging.mkdir(mode=0o700)
    if intent.entry:
        (files.staging / intent.entry).mkdir(mode=0o700)
    if intent.incoming:
        write_session(files.staging / "incoming.db", "b")
    files.intent.write_text(intent.model_dump_json())


ENTRY = "20260101T000000Z-logged_out"
PURGE = Intent(operation=Operation.PURGE, entry=ENTRY, parts=("session.db",))
RESTORE = Intent(operation=Operation.RESTORE, entry=ENTRY, parts=("session.db",), incoming=True)


def test_without_a_crash_there_is_nothing_to_do(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    assert recover(files) is Recovered.NOTHING
    assert recover(SessionFiles.at("other", files.directory)) is Recovered.NOTHING
    assert caplog.records == []


def test_what_had_not_begun_is_thrown_away_and_told(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    (files.staging / ENTRY).mkdir(parents=True)
    (files.staging / "incoming.db").write_bytes(b"half")
    assert recover(files) is Recovered.UNDONE
    assert not files.staging.exists()
    assert mark_of(files.database) == "a"
    assert "thrown away" in caplog.text


@pytest.mark.parametrize(
    ("intent", "recovered", "mark"),
    [(PURGE, Recovered.PURGED, None), (RESTORE, Recovered.RESTORED, "b")],
)
def test_what_had_begun_is_finished_and_told(
    files: SessionFiles,
    caplog: pytest.LogCaptureFixture,
    intent: Intent,
    recovered: Recovered,
    mark: str | None,
) -> None:
    half_done(files, intent)
    assert recover(files) is recovered
    assert mark_of(files.database) == mark
    assert mark_of(files.quarantine / ENTRY / "session.db") == "a"
    assert not files.staging.exists()
    assert not files.intent.exists()
    assert recovered.value in caplog.text
    assert caplog.records[0].levelno == logging.WARNING
    assert recover(files) is Recovered.NOTHING


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"format": 2, "operation": "purge", "entry": null}', b'{"operation": "x"}'],
)
def test_an_intent_that_is_not_understood_stops_everything(
    files: SessionFiles, content: bytes
) -> None:
    half_done(files, RESTORE)
    files.intent.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be understood"):
        recover(files)
    assert (files.staging / "incoming.db").exists()
    assert files.intent.read_bytes() == content


@pytest.mark.parametrize("entry", ["../x", "20260101T000000Z-../../x", "/etc", "", "x"])
def test_an_intent_names_nothing_outside_the_session(entry: str) -> None:
    with pytest.raises(ValidationError):
        Intent(operation=Operation.PURGE, entry=entry)
    with pytest.raises(ValidationError):
        Intent(operation=Operation.PURGE, entry=ENTRY, parts=(entry,))


def test_a_database_that_someone_put_there_meanwhile_is_not_overwritten(
    files: SessionFiles,
) -> None:
    half_done(files, RESTORE)
    files.database.rename(files.staging / ENTRY / "session.db")
    write_session(files.database, "mine")
    with pytest.raises(StoreError, match="appeared in the middle"):
        recover(files)
    assert mark_of(files.database) == "mine"
    files.database.rename(files.directory / "mine.db")
    assert recover(files) is Recovered.RESTORED
    assert mark_of(files.database) == "b"
