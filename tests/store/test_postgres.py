"""Whatsmeow's tables in a real Postgres, made by the real neonize."""

from __future__ import annotations

import gc
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

pytest.importorskip("psycopg")

from store.devices import add_device, connect, content, mark_of, write_device
from wa_supervisor.errors import ConfigError, Damaged, StoreError, Unreachable
from wa_supervisor.store.postgres import database as module
from wa_supervisor.store.postgres.database import Database
from wa_supervisor.store.postgres.rows import Copy, decode

if TYPE_CHECKING:
    from typing import LiteralString

    from lab.postgres_server import Server

PASSWORD = "canary-password"


def password_of(url: SecretStr) -> str:
    return url.get_secret_value().partition(":")[2].partition(":")[2].partition("@")[0]


def replace(url: SecretStr, copy: Copy, then: Exception | None = None) -> None:
    with Database(url).transaction(alone=True) as found:
        found.clear()
        found.fill(copy)
        if then is not None:
            raise then


def run(url: SecretStr, statement: LiteralString, *, alone: bool = False) -> None:
    with Database(url).transaction(alone=alone) as found:
        found._connection.execute(statement)


def test_an_empty_database_has_no_device_and_no_tables(postgres: SecretStr) -> None:
    with Database(postgres).transaction(alone=True) as tables:
        assert not tables.has_device()
        assert tables.read() is None
        tables.clear()


def test_a_device_is_seen_by_its_row(tables: SecretStr) -> None:
    for paired in (False, True, False):
        write_device(tables, "a", paired=paired)
        with Database(tables).transaction() as found:
            assert found.has_device() is paired


def test_a_copy_holds_every_row_of_every_table(tables: SecretStr) -> None:
    write_device(tables, "a")
    copy = content(tables)
    names = [table.name for table in copy.tables]
    with connect(tables) as connection:
        there = connection.execute(
            "SELECT tablename FROM pg_tables WHERE tablename LIKE 'whatsmeow%'"
        ).fetchall()
    assert {(name,) for name in names} == {*there} - {("whatsmeow_version",)}
    assert {"whatsmeow_privacy_tokens", "whatsmeow_lid_map"} <= set(names)
    assert names.index("whatsmeow_device") < names.index("whatsmeow_app_state_version")
    assert names.index("whatsmeow_app_state_version") < names.index(
        "whatsmeow_app_state_mutation_macs"
    )
    assert mark_of(copy) == "a"


def test_what_was_written_down_is_put_back_to_the_byte(tables: SecretStr) -> None:
    write_device(tables, "a")
    before = content(tables)
    written = decode(before.encode(), "x")
    assert written == before
    write_device(tables, "b")
    replace(tables, written)
    assert content(tables).encode() == before.encode()


def test_a_deed_that_fails_changes_nothing(tables: SecretStr) -> None:
    write_device(tables, "a")
    before = content(tables)
    with pytest.raises(Damaged):
        replace(tables, before, then=Damaged("it broke"))
    assert content(tables) == before
    children_first = before.model_copy(update={"tables": before.tables[::-1]})
    with pytest.raises(StoreError) as caught:
        replace(tables, children_first)
    assert "628123456789" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert content(tables) == before


def test_a_copy_with_a_column_that_is_not_there_is_refused(tables: SecretStr) -> None:
    write_device(tables, "a")
    copy = content(tables)
    with connect(tables) as connection:
        connection.execute("ALTER TABLE whatsmeow_lid_map RENAME pn TO number")
    with pytest.raises(Damaged, match="whatsmeow_lid_map"):
        replace(tables, copy)
    with Database(tables).transaction() as found:
        assert found.has_device()


def test_two_devices_in_one_database_are_an_error_that_says_so(tables: SecretStr) -> None:
    write_device(tables, "a")
    with connect(tables) as connection:
        row = connection.execute("SELECT * FROM whatsmeow_device").fetchone()
        names = [
            each[0]
            for each in connection.execute("SELECT * FROM whatsmeow_device").description or ()
        ]
        assert row is not None
        add_device(connection, dict(zip(names, row, strict=True)) | {"jid": "1:2@s.whatsapp.net"})
    for deed in ("has_device", "read"):
        with (
            pytest.raises(StoreError, match="holds 2 devices"),
            Database(tables).transaction() as found,
        ):
            getattr(found, deed)()


def test_what_another_writes_while_rows_are_deleted_is_not_lost(tables: SecretStr) -> None:
    write_device(tables, "a")
    with connect(tables) as other, Database(tables).transaction(alone=True) as found:
        found.read()
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            other.execute("INSERT INTO whatsmeow_lid_map VALUES ('x', 'y')")
        found.clear()


def test_a_locked_table_is_waited_for_for_seconds_only(tables: SecretStr) -> None:
    write_device(tables, "a")
    with connect(tables) as other, other.transaction():
        other.execute("INSERT INTO whatsmeow_lid_map VALUES ('x', 'y')")
        begun = time.monotonic()
        with pytest.raises(StoreError, match="locked"):
            run(tables, "SELECT 1", alone=True)
        assert time.monotonic() - begun < module.LOCK_SECONDS + 5


def test_a_server_that_answers_no_more_is_left(
    tables: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own limits do not help if it is frozen: the connection is cut."""
    monkeypatch.setattr(module, "TASK_SECONDS", 1.0)
    monkeypatch.setattr(module, "STATEMENT_SECONDS", 0)
    begun = time.monotonic()
    with pytest.raises(Unreachable), Database(tables).transaction() as found:
        found._connection.execute("SELECT pg_sleep(60)")
    assert time.monotonic() - begun < 10


def test_a_slow_statement_is_ended_by_the_server(
    tables: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATEMENT_SECONDS", 0.2)
    with pytest.raises(Unreachable, match="timeout"), Database(tables).transaction() as found:
        found._connection.execute("SELECT pg_sleep(60)")


def test_a_server_that_only_listens_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgres://u:{PASSWORD}@127.0.0.1:{mute.getsockname()[1]}/x?sslmode=disable"
        begun = time.monotonic()
        with pytest.raises(Unreachable) as caught, Database(SecretStr(url)).transaction():
            pytest.fail("nobody answered")
        assert time.monotonic() - begun < 10
    assert PASSWORD not in str(caught.value)


def test_no_thread_and_no_descriptor_is_left_behind(tables: SecretStr) -> None:
    with Database(tables).transaction():
        pass
    gc.collect()  # what earlier tests left, so that it does not end in between
    descriptors, threads = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    for _ in range(3):
        with Database(tables).transaction():
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
    assert threading.active_count() <= threads


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [("password", StoreError), ("database", StoreError), ("place", Unreachable)],
)
def test_a_refusal_is_told_without_the_password(
    postgres_server: Server, tables: SecretStr, wrong: str, kind: type[StoreError]
) -> None:
    url = tables.get_secret_value()
    secret = password_of(tables)
    if wrong == "password":
        url = url.replace(secret, PASSWORD)
    elif wrong == "database":
        url = (
            url.replace("/s", "/nothere", 1)
            if "@/s" not in url
            else url.replace("@/s", "@/nothere")
        )
    else:
        url = url.replace(str(postgres_server.directory), "/nowhere")
    with pytest.raises(StoreError) as caught, Database(SecretStr(url)).transaction():
        pytest.fail("it was refused")
    assert type(caught.value) is kind
    for text in (str(caught.value), repr(caught.value), repr(Database(SecretStr(url)))):
        assert secret not in text
        assert PASSWORD not in text


def test_a_url_that_libpq_cannot_read_is_an_error_without_the_password() -> None:
    with pytest.raises(ConfigError, match="libpq") as caught:
        Database(SecretStr(f"postgres://u:{PASSWORD}@h/x?search_path={PASSWORD}"))
    assert PASSWORD not in str(caught.value)
    assert "search_path" in str(caught.value)
