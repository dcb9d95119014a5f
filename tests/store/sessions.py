"""Sessions to do things to, and what can be seen of them afterwards."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from wa_supervisor.private_files import sha256
from wa_supervisor.store import Quarantined, SessionFiles, quarantined
from wa_supervisor.store.snapshots import list_snapshots

JID = "628123456789:12@s.whatsapp.net"
SECRET = "noise-key-of-the-device"


def write_session(database: Path, mark: str, *, paired: bool = True, rows: int = 60) -> None:
    """Make or change a database like whatsmeow's, which can be told from others by its mark."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY, noise_key TEXT)"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS whatsmeow_sessions (our_jid TEXT REFERENCES "
            "whatsmeow_device(jid) ON DELETE CASCADE, session BLOB)"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS mark (value TEXT)")
        connection.execute("DELETE FROM mark")
        connection.execute("INSERT INTO mark VALUES (?)", (mark,))
        connection.execute("DELETE FROM whatsmeow_device")
        if paired:
            connection.execute("INSERT INTO whatsmeow_device VALUES (?, ?)", (JID, SECRET))
            connection.executemany(
                "INSERT INTO whatsmeow_sessions VALUES (?, ?)",
                [(JID, os.urandom(400)) for _ in range(rows)],
            )
        connection.execute("COMMIT")
    database.chmod(0o600)


def mark_of(database: Path) -> str | None:
    """Read a database whole: its mark, with a `-` before it without keys; None if there is none."""
    if not database.exists() or database.stat().st_size == 0:
        return None
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        paired = connection.execute("SELECT count(*) FROM whatsmeow_device").fetchone()[0]
        kept = connection.execute("SELECT count(*) FROM whatsmeow_sessions").fetchone()[0]
        assert bool(paired) == bool(kept)
        mark = str(connection.execute("SELECT value FROM mark").fetchone()[0])
    return mark if paired else f"-{mark}"


Seen = tuple[str | None, tuple[str | None, ...], tuple[tuple[object, ...], ...]]


def seen(files: SessionFiles) -> Seen:
    """What the session is now: its database, its snapshots, its quarantine, the newest first.

    Everything that is there must be whole: sound databases, true manifests, private files, and
    nothing that does not belong.
    """
    mark = mark_of(files.database)  # SQLite rolls a hot journal back here, if there is one
    known = {"session.db", "lock", "journal.db", "snapshots", "quarantine"}
    assert {path.name for path in files.directory.iterdir()} <= known
    entries = []
    for entry in quarantined(files):
        reason = whole(entry)
        copies = tuple(
            mark_of(copy.path) for copy in list_snapshots(entry.directory / "snapshots", ".db")
        )
        entries.append((reason, mark_of(entry.directory / "session.db"), *copies))
    marks = tuple(mark_of(copy.path) for copy in list_snapshots(files.snapshots, ".db"))
    private(files)
    return mark, marks, tuple(entries)


def whole(entry: Quarantined) -> str:
    """Check that an entry holds what its manifest lists, and nothing else; give its reason."""
    assert entry.manifest is not None
    listed = {file.name: (file.sha256, file.size) for file in entry.manifest.files}
    there = {
        path.relative_to(entry.directory).as_posix(): (sha256(path), path.stat().st_size)
        for path in entry.directory.rglob("*")
        if path.is_file()
    }
    del there["manifest.json"]
    assert there == listed
    return entry.manifest.reason


def private(files: SessionFiles) -> None:
    """Check that nobody else can read what the session has."""
    for path in (files.directory, *files.directory.rglob("*")):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path
