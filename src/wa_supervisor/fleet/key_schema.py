"""A session's schema: made at need, and every table of the client in it fenced.

The client makes its tables itself. They must be there with their triggers before a session process
starts, or an owner that was overtaken could write to those that have none; so a short-lived process
makes them, without a dial. It also must find one of them: whether it has made any before, whatsmeow
asks of the whole database (dbutil, TableExists: `information_schema.tables WHERE table_name=$1`),
and so would fail in each schema but the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Final

from psycopg import sql

from ..store.postgres.database import VERSION, Tables
from .session_url import EPOCH, schema_of

if TYPE_CHECKING:
    from .database import Connection
    from .ownership import Ownership

TRIGGER: Final = "refuse_stale_owner"

_UNFENCED: Final = """
SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = %s AND c.relname LIKE 'whatsmeow\\_%%' AND NOT EXISTS (
  SELECT FROM pg_trigger t
  WHERE t.tgrelid = c.oid AND t.tgname = %s AND t.tgenabled IN ('O', 'A'))"""


@dataclass(frozen=True)
class KeySchema:
    """The schema of one session's keys, within one transaction of its owner."""

    connection: Connection
    owner: Ownership

    @property
    def name(self) -> str:
        """The schema's name, to be quoted."""
        return schema_of(self.owner.session)

    def prepare(self) -> None:
        """Make the schema, with what whatsmeow must find in it to make the rest."""
        found = self.connection.execute(
            "SELECT FROM pg_namespace WHERE nspname = %s", (self.name,)
        ).fetchone()
        if found is None:
            schema, table = sql.Identifier(self.name), sql.Identifier(self.name, VERSION)
            self.connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            create = sql.SQL("CREATE TABLE {} (version integer, compat integer)")
            self.connection.execute(create.format(table))

    def tables(self) -> Tables:
        """Turn to the client's tables, with the right to write them."""
        self.connection.execute(
            "SELECT set_config('search_path', %s, true), set_config(%s, %s, true)",
            (f'"{self.name}"', EPOCH, str(self.owner.epoch)),
        )
        return Tables(self.connection)

    def fence(self) -> None:
        """See that every table of the client refuses who is not the owner."""
        # Postgres 13 has no CREATE OR REPLACE TRIGGER, and one may be there that was switched off.
        drop = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}")
        create = sql.SQL(
            "CREATE TRIGGER {} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {}"
            " FOR EACH STATEMENT EXECUTE FUNCTION wa_fleet.refuse_stale_owner({})"
        )
        for row in self.connection.execute(_UNFENCED, (self.name, TRIGGER)).fetchall():
            table = sql.Identifier(self.name, row["name"])
            trigger, session = sql.Identifier(TRIGGER), sql.Literal(self.owner.session)
            self.connection.execute(drop.format(trigger, table))
            self.connection.execute(create.format(trigger, table, session))

    def is_current(self) -> bool:
        """Whether the tables are those that the client makes, as far as it is known."""
        row = self.connection.execute(
            "SELECT tables_version FROM wa_fleet.clients WHERE neonize = %s", (_neonize(),)
        ).fetchone()
        version = self.tables().version()
        return row is not None and version is not None and version >= row["tables_version"]

    def note_version(self) -> None:
        """Remember what the client has made of them."""
        # One who was older than the tables left them as they were, and would say too much.
        self.connection.execute(
            "INSERT INTO wa_fleet.clients VALUES (%s, %s) ON CONFLICT (neonize) DO UPDATE"
            " SET tables_version = least(clients.tables_version, excluded.tables_version)",
            (_neonize(), self.tables().version()),
        )


@cache
def _neonize() -> str:
    return metadata.version("neonize")
