"""One owner of a Postgres database, from whatever host or data directory: an advisory lock.

It belongs to a connection that is kept for it, so the server frees it when that ends: at once when
its process dies, and after `FREED_SECONDS` when its host does (TCP keepalives, set for the
server's end too). If the connection is lost the lock is, too: `hold` then takes it again, or says
who has it now. A pooler must give the connection a server of its own (session mode).
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import secrets
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

import psycopg

from ...errors import LockHeld, StoreError
from ...hints import Hint
from .database import TASK_SECONDS, bounded

if TYPE_CHECKING:
    from .database import Database

log = logging.getLogger("wa_supervisor")

IDLE_SECONDS: Final = 10
"""Of silence, before either end asks whether the other lives."""
PROBE_SECONDS: Final = 5
PROBES: Final = 3
FREED_SECONDS: Final = IDLE_SECONDS + PROBE_SECONDS * PROBES
"""How long the lock of a host that died without a word is kept."""
HOLDER_TIMEOUT: Final = 1.0
"""Seconds to wait for a holder that is dying."""

_POLL: Final = 0.05  # seconds
_CLASS: Final = 0x77615375  # the first half of the key, ours; the second is the schema's
_SETTINGS: Final = {
    "tcp_keepalives_idle": IDLE_SECONDS,
    "tcp_keepalives_interval": PROBE_SECONDS,
    "tcp_keepalives_count": PROBES,
    "tcp_user_timeout": FREED_SECONDS * 1000,
    "statement_timeout": TASK_SECONDS * 1000,
    "idle_session_timeout": 0,
}
_SET: Final = """
SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s"""  # not all know them all
_HELD: Final = """
SELECT a.pid, a.application_name, a.client_addr::text, a.backend_start::timestamp(0)::text
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = %s AND l.objid = %s
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class Claim:
    """The exclusive right to a database, for one supervisor or command. Safe in any thread.

    Its name, which others see, has this host and process in it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # A new connection of ours may meet the old one, which the server believes alive.
        self._name = (
            f"wa-supervisor pid {os.getpid()} on {platform.node()[:24]} {secrets.token_hex(3)}"
        )
        self._connection: psycopg.Connection[Any] | None = None
        self._key = (_CLASS, 0)
        self._turn = threading.Lock()
        self._wanted = False

    def hold(self) -> None:
        """Make sure that the database is ours: see that it still is, or take it.

        Raises LockHeld, which names the owner; Unreachable if the server does not answer.
        """
        self._wanted = True
        if not self._turn.acquire(timeout=2 * TASK_SECONDS):
            raise StoreError("another look at the session's Postgres database does not end")
        try:
            with self._database.explained():
                if not self._holds():
                    self._take()
        finally:
            if not self._wanted:  # it was released meanwhile
                self._drop()
            self._turn.release()

    def release(self) -> None:
        """Give it back, if it is ours; a `hold` that is at work does so when it is done."""
        self._wanted = False
        if self._turn.acquire(blocking=False):
            self._drop()
            self._turn.release()

    def _holds(self) -> bool:
        if self._connection is None:
            return False
        try:
            with bounded(self._connection):
                mine = self._connection.info.backend_pid
                if any(pid == mine for pid, *_ in self._holders(self._connection)):
                    return True
        except psycopg.Error as error:
            log.warning("the connection that holds the session's database was lost (%s)", error)
        self._drop()
        return False

    def _take(self) -> None:
        connection = self._database.connect(
            self._name,
            keepalives_idle=IDLE_SECONDS,
            keepalives_interval=PROBE_SECONDS,
            keepalives_count=PROBES,
            tcp_user_timeout=FREED_SECONDS * 1000,
        )
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            with bounded(connection):
                for name, value in _SETTINGS.items():
                    connection.execute(_SET, (f"{value:.0f}", name))
                (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
                self._key = (_CLASS, zlib.crc32((schema or "").encode()) & 0x7FFFFFFF)
                self._lock(connection)
            undo.pop_all()
        self._connection = connection

    def _lock(self, connection: psycopg.Connection[Any]) -> None:
        end = time.monotonic() + HOLDER_TIMEOUT
        while True:
            for pid, name, *_ in self._holders(connection):
                if name == self._name:
                    connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
            got = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", self._key).fetchone()
            if got == (True,):
                return
            if time.monotonic() >= end:
                raise self._held(connection)
            time.sleep(_POLL)

    def _holders(self, connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
        return connection.execute(_HELD, self._key).fetchall()

    def _held(self, connection: psycopg.Connection[Any]) -> LockHeld:
        who, stop = "another program", "end that one"
        for pid, name, address, since in self._holders(connection):
            where = f", from {address}" if address else ""
            begun = f" since {since}" if since else ""
            who = f"{name or 'another program'}{where}{begun} (Postgres pid {pid})"
            stop = f"stop that one, or cut it off with `SELECT pg_terminate_backend({pid})`"
        return LockHeld(
            f"the session's Postgres database is already used by {who}",
            hint=Hint(first=stop, note=f"if its host is dead, wait {FREED_SECONDS} s"),
        )

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
