"""The URL of a session process: taken alike by libpq and by the driver of the real client."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from store.devices import connect
from wa_supervisor.fleet.client_tables import make_tables
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.session_url import application_name, schema_of, session_url
from wa_supervisor.redaction import url_secrets

if TYPE_CHECKING:
    from wa_supervisor.fleet.database import FleetDatabase

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", fullmatch=True)


@given(st.lists(NAMES, min_size=2, max_size=5, unique=True))
def test_no_two_sessions_have_one_schema_and_none_is_cut_off(names: list[str]) -> None:
    schemas = [schema_of(name) for name in names]
    assert len(set(schemas)) == len(names)
    assert all(len(schema.encode()) <= 63 for schema in schemas)


def test_long_names_that_begin_alike_have_schemas_of_their_own() -> None:
    assert schema_of("x" * 52) == "wa_session_" + "x" * 52
    assert len({schema_of("x" * 60 + end) for end in ("a", "b", "A")}) == 3


def test_what_the_url_says_is_kept_but_what_is_ours_wins() -> None:
    given = SecretStr(
        "postgres://bot:hunter%402@db:5433/x?sslmode=require&options=-c%20work_mem=9MB"
        "&application_name=mine"
    )
    made = session_url(given, Ownership("Shop", "one", 7))
    assert "hunter" not in repr(made)
    parts = urlsplit(made.get_secret_value())
    assert (parts.netloc, parts.path) == ("bot:hunter%402@db:5433", "/x")
    query = parse_qs(parts.query, strict_parsing=True)
    assert query.keys() == {"sslmode", "options", "application_name"}
    assert query["application_name"] == ["wa-session 7 Shop"]
    (options,) = query["options"]
    assert options.startswith('-c work_mem=9MB -c search_path="wa_session_Shop" ')
    assert " -c wa_fleet.epoch=7 " in options


@pytest.mark.parametrize("name", ["shop", "Shop", "a.b-c", "_" + "Z" * 63])
def test_both_drivers_take_it(fleet: FleetDatabase, name: str) -> None:
    """The client could not write its version without the epoch, nor find the schema unquoted."""
    with fleet.transaction() as connection:
        connection.execute("INSERT INTO sessions (name, settings) VALUES (%s, '{}')", (name,))
        connection.execute("INSERT INTO owners (session, epoch) VALUES (%s, 7)", (name,))
        schema = f'"{schema_of(name)}"'
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"CREATE TABLE {schema}.whatsmeow_version (version int, compat int)")
        connection.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON {schema}.whatsmeow_version"
            f" EXECUTE FUNCTION refuse_stale_owner('{name}')"
        )
    told = fleet.url.get_secret_value() + "&options=-c%20statement_timeout%3D7654"
    owner = Ownership(name, "one", 7)
    url = session_url(SecretStr(told), owner)
    make_tables(url)
    with connect(url) as connection:
        shown = connection.execute(
            "SELECT current_schema(), current_setting('statement_timeout'),"
            " current_setting('application_name'), (SELECT count(*) > 10 FROM pg_tables"
            "  WHERE schemaname = current_schema()), (SELECT version > 0 FROM whatsmeow_version)"
        ).fetchone()
    assert shown == (schema_of(name), "7654ms", application_name(owner), True, True)
    for secret in url_secrets(fleet.url.get_secret_value()):
        assert secret not in repr(url)
