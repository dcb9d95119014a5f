"""Devices in a Postgres database of the real schema, and what can be seen of them afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg

from store.sessions import JID, private, whole
from wa_supervisor.store import quarantined
from wa_supervisor.store.postgres.database import Database
from wa_supervisor.store.postgres.rows import decode
from wa_supervisor.store.snapshots import list_snapshots

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from store.sessions import Seen
    from wa_supervisor.store import SessionFiles
    from wa_supervisor.store.postgres.rows import Copy

SECRET = "628123456789"
_BLOBS = {"noise_key": 32, "identity_key": 32, "signed_pre_key": 32, "signed_pre_key_sig": 64}
_ADV = {"adv_key": 5, "adv_details": 5, "adv_account_sig": 64, "adv_account_sig_key": 32}


def connect(url: SecretStr) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.get_secret_value(), connect_timeout=10, autocommit=True)


def write_device(url: SecretStr, mark: str, *, paired: bool = True, jid: str = JID) -> None:
    """Make the database hold one device, told from others by its mark, or what is left of one."""
    fixed = {"registration_id": 4000000000, "signed_pre_key_id": 1, "platform": mark}
    blobs = {
        name: os.urandom(size) for name, size in (_BLOBS | _ADV | {"adv_device_sig": 64}).items()
    }
    row = {"jid": jid, "facebook_uuid": "7f0b5e36-6a5b-4d0c-9d55-2c3f7f0b5e36", **fixed, **blobs}
    with connect(url) as connection, connection.transaction():
        connection.execute("DELETE FROM whatsmeow_device")
        connection.execute("DELETE FROM whatsmeow_privacy_tokens")
        connection.execute("DELETE FROM whatsmeow_lid_map")
        if paired:
            add_device(connection, row)
            connection.execute(
                "INSERT INTO whatsmeow_app_state_version VALUES (%s, 'a', 1, %s)",
                (jid, os.urandom(128)),
            )
            connection.execute(
                "INSERT INTO whatsmeow_app_state_mutation_macs VALUES (%s, 'a', 1, %s, %s)",
                (jid, os.urandom(32), os.urandom(32)),
            )
            connection.execute(
                "INSERT INTO whatsmeow_chat_settings VALUES (%s, 'a@g.us', 5, true, false)", (jid,)
            )
            connection.execute(
                "INSERT INTO whatsmeow_contacts VALUES (%s, 'b@lid', 'Zoë \u2028 \"x\"', NULL)",
                (jid,),
            )
        # Without a foreign key: these survive the device.
        connection.execute(
            "INSERT INTO whatsmeow_privacy_tokens VALUES (%s, 'b@lid', %s, 5, NULL)",
            (jid, b"\0\xff"),
        )
        connection.execute("INSERT INTO whatsmeow_lid_map VALUES (%s, '49301234567')", (mark,))


def add_device(connection: psycopg.Connection[tuple[object, ...]], row: dict[str, object]) -> None:
    names = ", ".join(row)
    connection.execute(
        f"INSERT INTO whatsmeow_device ({names}) VALUES ({', '.join(['%s'] * len(row))})",
        list(row.values()),
    )


def content(url: SecretStr) -> Copy:
    with Database(url).transaction() as tables:
        copy = tables.read()
    assert copy is not None
    return copy


def mark_of(copy: Copy) -> str | None:
    """Read a copy whole: its mark, with a `-` before it without keys; None if it is empty."""
    if copy.is_empty:
        return None
    rows = {table.name: table.rows for table in copy.tables}
    (mapped,) = rows["whatsmeow_lid_map"]
    assert len(rows["whatsmeow_privacy_tokens"]) == 1
    if copy.device is None:
        assert [name for name in rows if rows[name]] == [
            "whatsmeow_lid_map",
            "whatsmeow_privacy_tokens",
        ]
        return f"-{mapped[0]}"
    for child in ("app_state_version", "app_state_mutation_macs", "chat_settings", "contacts"):
        assert len(rows[f"whatsmeow_{child}"]) == 1
    columns = [column.name for column in copy.device.columns]
    assert copy.device.rows[0][columns.index("platform")] == mapped[0]
    return str(mapped[0])


def marked(path: Path) -> str | None:
    return mark_of(decode(path.read_bytes(), path.name))


def seen(files: SessionFiles, url: SecretStr) -> Seen:
    """What the session is now: its rows, its snapshots, its quarantine, the newest first.

    Everything that is there must be whole, as in `sessions.seen`.
    """
    known = {"lock", "journal.db", "snapshots", "quarantine"}
    assert {path.name for path in files.directory.iterdir()} <= known
    entries = []
    for entry in quarantined(files):
        reason = whole(entry)
        rows = entry.directory / "session.json"
        copies = (
            marked(each.path) for each in list_snapshots(entry.directory / "snapshots", ".json")
        )
        entries.append((reason, marked(rows) if rows.exists() else None, *copies))
    private(files)
    marks = tuple(marked(each.path) for each in list_snapshots(files.snapshots, ".json"))
    return mark_of(content(url)), marks, tuple(entries)
