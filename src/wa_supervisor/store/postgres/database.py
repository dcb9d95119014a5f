"""Reading, replacing and checking whatsmeow's tables in Postgres, without ever waiting for long.

One database belongs to one session: whatsmeow takes the first device it finds, in no order
(sqlstore/container.go, GetFirstDevice). So every row of its tables is the session's, also of those
that no device can be told from (`whatsmeow_lid_map`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row

from ...errors import ConfigError, Damaged, StoreError
from ...hints import Action, Hint
from ...redaction import Redactor, url_secrets
from . import errors
from .rows import DEVICES, Column, Copy, Table, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from pydantic import SecretStr

CONNECT_SECONDS: Final = 5
"""For a connection; of several hosts in the URL, for each."""
STATEMENT_SECONDS: Final = 10.0
"""For one statement, by the server's clock."""
LOCK_SECONDS: Final = 2.0
"""For another process that writes the tables."""
TASK_SECONDS: Final = 15.0
"""For all of one task: then the connection is cut, also from a server that is frozen."""

VERSION: Final = "whatsmeow_version"
_TABLES: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = current_schema() AND c.relname LIKE 'whatsmeow\\_%'
ORDER BY 1"""
_PARENTS: Final = """
SELECT k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype = 'f' AND n.nspname = current_schema() AND k.conrelid <> k.confrelid"""
_COLUMNS: Final = """
SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum"""


class Tables:
    """Whatsmeow's tables in the first schema of a connection's search path, in one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.names = self._find()
        """Parents before their children."""

    def lock(self) -> None:
        """Keep everybody else from writing until the transaction ends."""
        if self.names:
            names = sql.SQL(", ").join(map(sql.Identifier, self.names))
            self._execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(names))

    def has_device(self) -> bool:
        """Whether whatsmeow's device row is there. Raises StoreError if there are several."""
        if DEVICES not in self.names:
            return False
        devices = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(DEVICES))
        (count,) = self._execute(devices).fetchone() or (0,)
        if count > 1:
            raise StoreError(
                f"the Postgres database holds {count} devices, but whatsmeow takes any of them: "
                "a session needs a database of its own",
                hint=Hint(Action.SET, "database", first="make one with `createdb NAME`"),
            )
        return bool(count)

    def version(self) -> int | None:
        """Return which version of its tables whatsmeow has made; None if none yet."""
        if DEVICES not in self.names or VERSION not in self.names:
            return None
        version = sql.SQL("SELECT version FROM {}").format(sql.Identifier(VERSION))
        found = self._execute(version).fetchone()
        return int(found[0]) if found else None

    def read(self) -> Copy | None:
        """Copy every row; None if whatsmeow has made no tables yet."""
        version = self.version()
        if version is None:
            return None
        self.has_device()
        tables = (self._read(name) for name in self.names if name != VERSION)
        return Copy(version=version, tables=tuple(tables))

    def clear(self) -> None:
        """Delete every row, children first; the tables stay."""
        for name in reversed(self.names):
            if name != VERSION:
                self._execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))

    def fill(self, copy: Copy) -> None:
        """Insert every row of a copy, parents first. Raises Damaged if it does not fit."""
        for table in copy.tables:
            if table.rows:
                self._fill(table)

    def _fill(self, table: Table) -> None:
        columns = [column.name for column in table.columns]
        if table.name not in self.names or not set(columns) <= {
            column.name for column in self._columns(table.name)
        }:
            raise Damaged(f"the copy has a table or column that is not there: {table.name}")
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        with self._connection.cursor() as cursor:
            cursor.executemany(insert, table.values())

    def _read(self, name: str) -> Table:
        columns = self._columns(name)
        select = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            sql.Identifier(name),
        )
        rows = [tuple(map(plain, row)) for row in self._execute(select)]
        return Table(name=name, columns=columns, rows=tuple(sorted(rows, key=repr)))

    def _columns(self, name: str) -> tuple[Column, ...]:
        found = self._execute(_COLUMNS, (name,))
        return tuple(Column(name=column, type=kind) for column, kind in found)

    def _find(self) -> tuple[str, ...]:
        """Name whatsmeow's tables, parents before their children."""
        order: TopologicalSorter[str] = TopologicalSorter()
        known = [name for (name,) in self._execute(_TABLES)]
        for name in known:
            order.add(name)
        for child, parent in self._execute(_PARENTS):
            if child in known and parent in known:
                order.add(child, parent)
        return tuple(order.static_order())

    def _execute(
        self, query: LiteralString | sql.Composed, parameters: tuple[object, ...] | None = None
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute it; the rows are tuples, whatever they are otherwise on this connection."""
        return self._connection.cursor(row_factory=tuple_row).execute(query, parameters)


@dataclass(frozen=True)
class Database:
    """A Postgres database; its URL is in no repr and no error."""

    url: SecretStr

    def __post_init__(self) -> None:
        url = self.url.get_secret_value()
        try:
            conninfo_to_dict(url)
        except psycopg.Error as error:
            why = self._redact(errors.first_line(error))
            raise ConfigError(f"database: libpq cannot read the URL: {why}") from None

    @contextlib.contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[Tables]:
        """Work on the tables; commit at the end, or change nothing if anything is raised.

        What is read is of one moment. With `alone` nobody else can write until the end.
        Raises Unreachable if the server does not answer, StoreError if it refuses. Whether a
        commit that was cut off took place is not known then.
        """
        with self.explained(), contextlib.closing(self.connect("wa-supervisor")) as connection:
            # A moment that began before the lock would miss what was written in between.
            connection.isolation_level = (
                IsolationLevel.READ_COMMITTED if alone else IsolationLevel.REPEATABLE_READ
            )
            with bounded(connection), connection.transaction():
                settings = {
                    "statement_timeout": STATEMENT_SECONDS,
                    "lock_timeout": LOCK_SECONDS,
                    "idle_in_transaction_session_timeout": TASK_SECONDS,
                }
                for name, seconds in settings.items():  # SET LOCAL: a pooler may not know options
                    connection.execute(
                        "SELECT set_config(%s, %s, true)", (name, f"{seconds * 1000:.0f}")
                    )
                tables = Tables(connection)
                if alone:
                    tables.lock()
                yield tables

    def connect(self, name: str, **options: int) -> psycopg.Connection[Any]:
        """Open a connection, to be closed, that the server lists by this name. Raises psycopg's."""
        parameters = make_conninfo(
            self.url.get_secret_value(),
            connect_timeout=CONNECT_SECONDS,
            application_name=name,
            **options,
        )
        # A pooler may give the next transaction another server.
        return psycopg.connect(parameters, autocommit=True, prepare_threshold=None)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Make of psycopg's errors ours: Unreachable or StoreError."""
        try:
            yield
        except psycopg.Error as error:
            # None of it is chained: the details of a constraint quote numbers and keys.
            raise errors.store_error(error, self._redact) from None

    def _redact(self, text: str) -> str:
        return Redactor(url_secrets(self.url.get_secret_value()))(text)


@contextlib.contextmanager
def bounded(connection: psycopg.Connection[Any], seconds: float | None = None) -> Iterator[None]:
    """Cut the connection if this lasts longer than so many seconds, by default `TASK_SECONDS`."""
    line = os.dup(connection.fileno())
    cut = threading.Timer(TASK_SECONDS if seconds is None else seconds, _cut, (line,))
    cut.daemon = True
    cut.start()
    try:
        yield
    finally:
        cut.cancel()
        cut.join()
        os.close(line)


def _cut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as line, contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)  # it was closed at the other end
