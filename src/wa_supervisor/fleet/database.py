"""The fleet's Postgres database: connections that never wait for long, its tables, and the fence.

Everything here blocks for a short time and is called in worker threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any, Final, LiteralString, Self
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row, scalar_row
from psycopg_pool import ConnectionPool, PoolTimeout

from ..errors import LockHeld, StoreError, Unreachable
from ..hints import Action, Hint
from ..redaction import Redactor, url_secrets
from ..store.postgres import errors
from ..store.postgres.database import bounded
from .errors import NoFleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr

    from .ownership import Ownership

SCHEMA: Final = "wa_fleet"
CONNECTIONS: Final = 4
"""At most, of one program, for all but the engine; a session process has its own."""
WAIT_SECONDS: Final = 3.0
"""For a connection, be it a new one or one that others use."""
STATEMENT_SECONDS: Final = 4.0
"""For one statement, by the server's clock."""
LOCK_SECONDS: Final = 3.0
"""For a row that another program has locked."""
TASK_SECONDS: Final = 5.0
"""For all of one transaction: then the connection is cut, also from a server that is frozen."""
FRESH_SECONDS: Final = 0.5
"""After its last use a connection is taken to work for so long; asking costs a round trip."""
KEEPALIVES: Final = {
    "connect_timeout": 3,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 4000,
}
"""A connection that was cut is known to be within 5 s: less than a lease lasts."""

TABLES_VERSION: Final = 1
"""Of `tables.sql`; one more with each change of it that is released."""

_CHANGE: Final = """
    WITH owner AS MATERIALIZED (
        SELECT session FROM owners WHERE session = %(session)s AND epoch = %(epoch)s FOR SHARE
    ), changed AS ({} RETURNING 1)
    SELECT (SELECT count(*) FROM owner) AS owners, (SELECT count(*) FROM changed) AS changed
"""

_SETTING: Final = "fleet.database"
_INSTALL_LOCK: Final = 0x77614665  # for the advisory lock under which the tables are made

Row = dict[str, Any]
Connection = psycopg.Connection[Row]


class FleetDatabase:
    """The tables of one fleet; its URL is in no repr and no error."""

    def __init__(self, url: SecretStr, *, name: str = "wa-supervisor fleet") -> None:
        self.url = url
        options = [
            str(conninfo_to_dict(url.get_secret_value()).get("options") or ""),
            f"-c search_path={SCHEMA}",
            f"-c statement_timeout={STATEMENT_SECONDS * 1000:.0f}",
            f"-c lock_timeout={LOCK_SECONDS * 1000:.0f}",
            f"-c idle_in_transaction_session_timeout={STATEMENT_SECONDS * 1000:.0f}",
        ]
        self.conninfo = make_conninfo(
            url.get_secret_value(), application_name=name, options=" ".join(options), **KEEPALIVES
        )
        """For connections that are to be as ours; it holds the password."""
        self._used: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
        """When each connection was last known to work."""
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self.conninfo,
            connection_class=psycopg.Connection[Row],
            kwargs={"row_factory": dict_row, "autocommit": True, "prepare_threshold": None},
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            reconnect_timeout=WAIT_SECONDS,
            check=self._check,
            open=False,
        )

    def __enter__(self) -> Self:
        self._pool.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close(timeout=WAIT_SECONDS)

    def check(self) -> None:
        """Connect once, to know why that is not possible: a pool only says that it has none.

        Raises Unreachable if Postgres does not answer, StoreError if it refuses, or a pooler does
        not hand on what the connection is opened with.
        """
        try:
            with contextlib.closing(psycopg.connect(self.conninfo)) as connection:
                _refuse_pooler(connection)
        except psycopg.Error as error:
            raise self._explained(error) from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Work in one transaction: all of it lasts, or nothing if anything is raised.

        Raises Unreachable if Postgres does not answer, NoFleet if it has no tables of a fleet,
        StoreError if it refuses.
        """
        with self._connection() as connection, connection.transaction():
            yield connection

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._pool.connection() as connection, bounded(connection, TASK_SECONDS):
                yield connection
                self._used[connection] = time.monotonic()
        except PoolTimeout:
            raise Unreachable(
                f"the fleet's Postgres database gave no connection within {WAIT_SECONDS:g} s",
                hint=Hint(Action.SET, _SETTING, first="check that its server runs"),
            ) from None
        except psycopg.Error as error:
            # None of it is chained: the details of a constraint quote numbers and keys.
            raise self._explained(error) from None

    @contextlib.contextmanager
    def as_owner(
        self, ownership: Ownership, *, of_one_moment: bool = False, alone: bool = False
    ) -> Iterator[Connection]:
        """As `transaction`, for what only the session's owner may write.

        A takeover waits until it has ended. With `of_one_moment` all that is read is of one moment,
        while others write; with `alone` the session's process writes no key meanwhile. Raises
        LockHeld if the session is another's already.
        """
        with self.transaction() as connection:
            if of_one_moment:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            owner = self._owner(connection, ownership.session, alone=alone)
            if owner is None or owner["epoch"] != ownership.epoch:
                now = owner["worker"] if owner else None
                raise LockHeld(
                    f"the session {ownership.session!r} is no longer this worker's: "
                    + (f"{now} has taken it over" if now else "nobody may have it now"),
                )
            yield connection

    def change(
        self, ownership: Ownership, statement: LiteralString, parameters: Mapping[str, Any]
    ) -> int:
        """Change rows as the session's owner in one round trip; return how many were.

        As `as_owner`, which takes four. The statement takes the session from the table `owner`,
        which has no row if the session is another's.
        """
        named = {"session": ownership.session, "epoch": ownership.epoch, **parameters}
        with self._connection() as connection:
            row = connection.execute(sql.SQL(_CHANGE).format(sql.SQL(statement)), named).fetchone()
        if row is None or not row["owners"]:
            with self.as_owner(ownership):  # raises, and says whose it is
                pass
            raise LockHeld(f"the session {ownership.session!r} was just taken over")
        return int(row["changed"])

    def _check(self, connection: Connection) -> None:
        """See that a connection of the pool still works. Raises psycopg's errors."""
        if time.monotonic() - self._used.get(connection, 0.0) < FRESH_SECONDS:
            return
        with bounded(connection, WAIT_SECONDS):
            ConnectionPool.check_connection(connection)

    def _owner(self, connection: Connection, session: str, *, alone: bool) -> Row | None:
        select = sql.SQL("SELECT epoch, worker FROM owners WHERE session = %s FOR {}")
        # Who writes a key has the row FOR SHARE, see `refuse_stale_owner`.
        lock = sql.SQL("NO KEY UPDATE" if alone else "SHARE")
        try:
            return connection.execute(select.format(lock), (session,)).fetchone()
        except psycopg.errors.SerializationFailure:  # it was taken over while we waited for the row
            raise LockHeld(f"another worker takes the session {session!r} over just now") from None

    def install(self) -> None:
        """Make the tables if they are not there; safe while others do the same.

        Raises as `transaction` and `check` do, and StoreError if they are of another version.
        """
        with self.transaction() as connection:
            _refuse_pooler(connection)
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_INSTALL_LOCK,))
            found = connection.execute(
                "SELECT to_regnamespace(%s) IS NOT NULL AS schema, to_regclass(%s) IS NOT NULL"
                " AS tables",
                (SCHEMA, f"{SCHEMA}.leader"),
            ).fetchone()
            assert found is not None
            if not found["schema"]:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
            if not found["tables"]:  # the schema may be an administrator's gift
                # The engine's first: what follows reads its workers' heartbeats.
                connection.execute(_engine_schema())
                connection.execute(_script(__package__, "tables.sql"))
                connection.execute(
                    "INSERT INTO made_by (tables_version, engine_schema, engine_version)"
                    " VALUES (%s, %s, %s)",
                    (TABLES_VERSION, _engine_digest(), metadata.version("procrastinate")),
                )
            _refuse_others(connection)

    def _explained(self, error: psycopg.Error) -> StoreError:
        if isinstance(error, psycopg.errors.UndefinedTable):
            return NoFleet(
                "the database has no tables of a fleet",
                hint=Hint(
                    Action.SET,
                    _SETTING,
                    note="the first worker makes them, and so does the first session that is added",
                ),
            )
        return errors.store_error(error, self.redact, whose="fleet", setting=_SETTING)

    def redact(self, text: str) -> str:
        """Take what is secret in the URL out of a text."""
        return Redactor(url_secrets(self.url.get_secret_value()))(text)


def _refuse_pooler(connection: psycopg.Connection[Any]) -> None:
    """See that the connection is as it was opened, or tables would be made in another schema."""
    path = connection.cursor(row_factory=scalar_row).execute("SHOW search_path").fetchone()
    if path != SCHEMA:
        raise StoreError(
            "the connection to the fleet's Postgres database lost the options with which it was "
            "opened, as behind a pooler such as pgbouncer: it cannot be used",
            hint=Hint(Action.SET, _SETTING, note="to the URL of the server itself"),
        )


def _refuse_others(connection: Connection) -> None:
    """See that the tables are as this version and its engine make them."""
    found = connection.execute("SELECT * FROM made_by").fetchone()
    assert found is not None
    if found["tables_version"] != TABLES_VERSION:
        raise StoreError(
            f"the fleet's tables are of version {found['tables_version']}, and this wa-supervisor "
            f"knows version {TABLES_VERSION}",
            hint=Hint(Action.UPGRADE, "wa-supervisor", note="to one version on every worker"),
        )
    if found["engine_schema"] != _engine_digest():
        raise StoreError(
            "the fleet's tables are not those of the procrastinate that is installed here, "
            f"{metadata.version('procrastinate')}",
            hint=f"install procrastinate=={found['engine_version']}",
        )


def _engine_schema() -> bytes:
    return _script("procrastinate.sql", "schema.sql")


def _engine_digest() -> str:
    return hashlib.sha256(_engine_schema()).hexdigest()


def _script(package: str, name: str) -> bytes:
    return (resources.files(package) / name).read_bytes()
