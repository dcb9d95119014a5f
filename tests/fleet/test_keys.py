"""A session's keys in a fleet, on a real Postgres with the tables of the real client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from fleet.key_world import KeyWorld, keys_of
from store.devices import connect, write_device
from wa_supervisor.errors import KeysGone, LockHeld, StoreError
from wa_supervisor.fleet import client_tables, key_schema, keys
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.key_copies import KeyCopies
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.session_url import schema_of, session_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from wa_supervisor.fleet.keys import FleetKeys


@pytest.fixture
def world(postgres: SecretStr) -> Iterator[KeyWorld]:
    with FleetDatabase(postgres) as database:
        world = KeyWorld(postgres, database)
        world.install()
        yield world


@pytest.fixture
def owner(world: KeyWorld) -> Ownership:
    return world.add()


@pytest.fixture
def kept(world: KeyWorld, owner: Ownership) -> FleetKeys:
    """Of an unpaired session that has its tables."""
    kept = keys_of(world.database, owner)
    assert kept.before_dial(1) is False
    return kept


def refused(url: SecretStr, statement: str) -> str | None:
    """The SQLSTATE with which Postgres refuses a statement."""
    with connect(url) as connection:
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            return error.sqlstate
    return None


def test_each_session_has_the_clients_tables_in_a_schema_of_its_own_all_of_them_fenced(
    world: KeyWorld, kept: FleetKeys
) -> None:
    """The client itself fails in a second schema: it looks for its tables in the whole database."""
    other = KeyWorld(world.url, world.database, "Shop.two-" + "x" * 50)
    assert keys_of(world.database, other.add()).before_dial(1) is False
    world.execute("ALTER TABLE wa_session_shop.whatsmeow_device DISABLE TRIGGER USER")
    assert kept.before_dial(2) is False
    found = set(
        world.execute(
            "SELECT n.nspname, count(*) - count(t.oid) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'refuse_stale_owner'"
            " WHERE c.relkind = 'r' AND c.relname LIKE 'whatsmeow%' GROUP BY 1"
        )
    )
    assert world.execute("SELECT FROM pg_trigger WHERE tgenabled <> 'O'") == []
    assert found == {(schema_of("shop"), 0), (schema_of(other.name), 0)}


def test_every_dial_with_credentials_leaves_a_copy_and_an_unchanged_one_is_not_copied(
    world: KeyWorld, owner: Ownership, kept: FleetKeys
) -> None:
    world.copies(kept, owner, "a")
    assert kept.before_dial(2) is True
    kept.while_connected(first=False)
    assert world.seen() == ("a", ("a",), ())
    world.write(owner, "b")
    kept.while_connected(first=True)
    assert world.seen() == ("b", ("a",), ())
    kept.while_connected(first=False)
    world.copies(kept, owner, "c", "d")
    assert world.seen() == ("d", ("d", "c", "b"), ())


def test_a_purge_takes_rows_and_copies_away_and_the_next_pairing_begins_clean(
    world: KeyWorld, owner: Ownership, kept: FleetKeys
) -> None:
    world.copies(kept, owner, "a", "b")
    world.write(owner, "c")
    kept.purge("logged_out")
    assert world.seen() == (None, (), (("logged_out", "c", "b", "a"),))
    assert kept.before_dial(2) is False
    kept.purge("logged_out")
    world.write(owner, "d", paired=False)
    kept.purge("login_rejected")
    assert world.seen() == (
        None,
        (),
        (("login_rejected", "-d"), ("logged_out", "c", "b", "a")),
    )


def test_keys_that_no_purge_took_are_put_back_from_the_newest_good_copy(
    world: KeyWorld,
    owner: Ownership,
    kept: FleetKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.copies(kept, owner, "a", "b", "c")
    newest, middle, _ = world.execute("SELECT id FROM wa_fleet.key_copies ORDER BY id DESC")
    world.execute(
        f"UPDATE wa_fleet.key_copies SET content = substr(content, 9) WHERE id = '{newest[0]}'"
    )
    world.execute(
        "UPDATE wa_fleet.key_copies SET content = convert_to(regexp_replace("
        "  convert_from(content, 'utf8'), '\"version\":\\d+', '\"version\":7'), 'utf8')"
        f" WHERE id = '{middle[0]}'"
    )
    assert kept.restore() is True
    world.write(owner, "c", paired=False)
    with pytest.raises(KeysGone, match="no purge took them"):
        kept.before_dial(4)
    assert kept.restore() is True
    assert "is damaged" in caplog.text
    assert "is of version 7" in caplog.text
    world.execute(f"DELETE FROM wa_fleet.key_copies WHERE id = '{newest[0]}'")
    assert world.seen() == ("a", ("b", "a"), (("restored", "-c"),))
    assert kept.before_dial(5) is True


def test_a_lost_schema_is_made_anew_and_filled(
    world: KeyWorld, owner: Ownership, kept: FleetKeys
) -> None:
    world.copies(kept, owner, "a")
    world.execute("DROP SCHEMA wa_session_shop CASCADE")
    with pytest.raises(KeysGone):
        kept.before_dial(2)
    world.execute("DROP SCHEMA wa_session_shop CASCADE")
    assert kept.restore() is True
    assert world.seen() == ("a", ("a",), ())
    assert refused(
        session_url(world.url, Ownership("shop", "x", 0)), "DELETE FROM whatsmeow_device"
    )


def test_without_any_good_copy_nothing_is_restored(kept: FleetKeys) -> None:
    assert kept.restore() is False


def test_what_is_too_old_or_too_many_in_the_quarantine_is_removed_without_keys_first(
    world: KeyWorld, owner: Ownership, kept: FleetKeys
) -> None:
    for mark, paired in (("a", True), ("b", False), ("c", True), ("d", True)):
        world.write(owner, mark, paired=paired)
        kept.purge("operator")
    world.execute(
        "UPDATE wa_fleet.key_copies SET set_aside = '20200101T000000Z-operator'"
        " WHERE id = (SELECT min(id) FROM wa_fleet.key_copies)"
    )
    assert kept.before_dial(1) is False
    assert world.seen()[2] == (("operator", "d"), ("operator", "c"), ("operator", "-b"))
    kept._keep_quarantined = 2
    assert kept.before_dial(2) is False
    assert world.seen()[2] == (("operator", "d"), ("operator", "c"))


def test_a_full_disk_of_postgres_costs_a_dial_only_if_there_is_no_copy(
    world: KeyWorld,
    owner: Ownership,
    kept: FleetKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END$$"
    )
    full = "CREATE TRIGGER full_disk BEFORE INSERT ON wa_fleet.key_copies EXECUTE FUNCTION {}()"
    world.write(owner, "a")
    world.execute(full.format("full_disk"))
    with pytest.raises(StoreError, match="no space left"):
        kept.before_dial(1)
    world.execute("DROP TRIGGER full_disk ON wa_fleet.key_copies")
    assert kept.before_dial(2) is True
    world.execute(full.format("full_disk"))
    world.write(owner, "b")
    assert kept.before_dial(3) is True
    kept.while_connected(first=False)
    assert "no snapshot was taken" in caplog.text
    with pytest.raises(StoreError, match="no space left"):
        kept.purge("operator")
    assert world.seen() == ("b", ("a",), ())


def test_who_was_overtaken_changes_nothing_and_is_told_who_has_the_session(
    world: KeyWorld,
    owner: Ownership,
    kept: FleetKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.copies(kept, owner, "a")
    world.write(owner, "b")
    world.claim("two")
    for deed in (lambda: kept.before_dial(2), lambda: kept.purge("logged_out"), kept.restore):
        with pytest.raises(LockHeld, match="two has taken it over"):
            deed()
    kept.while_connected(first=False)
    assert "two has taken it over" in caplog.text
    assert world.seen() == ("b", ("a",), ())


def test_a_takeover_while_the_keys_are_changed_waits_and_one_before_it_is_heard_of(
    world: KeyWorld,
    owner: Ownership,
    kept: FleetKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.copies(kept, owner, "a")
    claimed: list[Ownership] = []
    threads = [threading.Thread(target=lambda: claimed.append(world.claim("two")))]
    real = KeyCopies.set_aside

    def slow(*arguments: object, **options: object) -> object:
        threads[0].start()
        threads[0].join(0.5)
        assert not claimed
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(KeyCopies, "set_aside", slow)
    kept.purge("logged_out")
    threads[0].join(10)
    assert [each.epoch for each in claimed] == [owner.epoch + 1]
    assert world.seen() == (None, (), (("logged_out", "a", "a"),))

    newer = keys_of(world.database, claimed[0])
    with world.database.transaction() as connection:
        connection.execute("UPDATE owners SET epoch = epoch + 1")
        heard: list[BaseException] = []

        def copy() -> None:
            try:
                newer._copy()
            except LockHeld as error:
                heard.append(error)

        waiting = threading.Thread(target=copy)
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(10)
    assert len(heard) == 1


def test_postgres_refuses_the_writes_of_a_process_that_has_no_right_to_them(
    world: KeyWorld, owner: Ownership, kept: FleetKeys
) -> None:
    del kept
    old = session_url(world.url, owner)
    new = session_url(world.url, world.claim("two"))
    write_device(new, "a")
    statements = (
        "INSERT INTO whatsmeow_lid_map VALUES ('x', '1')",
        "UPDATE whatsmeow_device SET platform = 'x'",
        "DELETE FROM whatsmeow_device",
        "TRUNCATE whatsmeow_lid_map",
        "UPDATE whatsmeow_version SET version = 1",
    )
    plain = world.url.get_secret_value() + "&options=-csearch_path%3Dwa_session_shop"
    other = session_url(world.url, KeyWorld(world.url, world.database, "other").add())
    foreign = other.get_secret_value().replace("wa_session_other", "wa_session_shop")
    for statement in statements:
        assert refused(old, statement) == "WA001", statement
        assert refused(type(old)(plain), statement) == "WA001", statement
        assert refused(type(old)(foreign), statement) == "WA001", statement
    assert world.seen()[0] == "a"
    assert refused(new, statements[1]) is None


def test_newer_tables_of_the_client_are_made_and_fenced_before_it_starts(
    world: KeyWorld, owner: Ownership, kept: FleetKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    real = client_tables.make_tables

    def make(url: SecretStr) -> None:
        made.append(url)
        real(url)

    monkeypatch.setattr(keys, "make_tables", make)
    kept.before_dial(2)
    assert made == []  # they are as this neonize makes them
    monkeypatch.setattr(key_schema, "_neonize", lambda: "9.9.9")
    world.execute("CREATE TABLE wa_session_shop.whatsmeow_new_one (jid text)")
    kept.before_dial(3)
    kept.before_dial(4)
    assert len(made) == 1
    stale = session_url(world.url, Ownership("shop", "x", owner.epoch - 1))
    assert refused(stale, "INSERT INTO whatsmeow_new_one VALUES ('a')") == "WA001"


def test_a_client_that_cannot_make_its_tables_is_an_error_without_the_password(
    world: KeyWorld, owner: Ownership, postgres: SecretStr
) -> None:
    world.execute("CREATE SCHEMA wa_session_shop")
    world.execute("CREATE TABLE wa_session_shop.whatsmeow_version (version int, compat int)")
    world.execute("INSERT INTO wa_session_shop.whatsmeow_version VALUES (999, 999)")
    with pytest.raises(StoreError, match="could not make its tables") as caught:
        keys_of(world.database, owner).before_dial(1)
    for secret in postgres.get_secret_value().split("@")[0].split(":")[2:]:
        assert secret not in str(caught.value)
