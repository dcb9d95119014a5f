"""The outbox of a fleet's session in the database: one row a key, see `messages.outbox`.

So `send` with a key sends nothing twice on whatever worker it is called. A key is there before the
client has its message; what a worker that died had dispatched is unknown to the next one, and is
never sent again. A worker that has lost the session dispatches nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ..messages.errors import OutboxError
from ..messages.outbox_store import hashed, key_reused, may_be_sent
from ..messages.send_rows import Row
from .owned import OwnedRows

if TYPE_CHECKING:
    from pathlib import Path

    from .database import FleetDatabase
    from .ownership import Ownership

KEEP: Final = timedelta(days=30)
KEEP_ROWS: Final = 100_000
"""As `messages.outbox.OutboxOptions`."""
PRUNE_EVERY: Final = 100
"""New keys between two looks at what is too old."""
_PRUNED_AT_ONCE: Final = 1000

_DISPATCH: Final = """
    INSERT INTO sends (session, key, what, state, details) VALUES (%s, %s, %s, 'dispatched', '{}')
    ON CONFLICT (session, key) DO UPDATE
    SET state = 'dispatched', details = '{}', changed_at = now()
"""
_DISPATCH_NEW: Final = """
    INSERT INTO sends (session, key, what, state, details)
    SELECT session, %(key)s, %(what)s, 'dispatched', '{}' FROM owner ON CONFLICT DO NOTHING
"""
_MOVE: Final = """
    UPDATE sends SET state = %(state)s, details = %(details)s, changed_at = now()
    WHERE session = (SELECT session FROM owner) AND key = %(key)s AND state = %(before)s
"""
_PRUNE: Final = """
    DELETE FROM sends WHERE session = %(session)s AND key IN (
        SELECT key FROM sends WHERE session = %(session)s AND state <> 'dispatched' AND (
            changed_at < now() - %(keep)s
            OR changed_at < (SELECT changed_at FROM sends WHERE session = %(session)s
                ORDER BY changed_at DESC OFFSET %(rows)s LIMIT 1)
        ) ORDER BY changed_at LIMIT %(most)s)
"""


class FleetSends:
    """Opens the rows of one session, see `messages.send_rows.Sends`."""

    def __init__(self, database: FleetDatabase, ownership: Ownership) -> None:
        self._database = database
        self._ownership = ownership

    def open(self) -> FleetSendRows:
        """Say of what an earlier owner had dispatched that it is unknown. Raises OutboxError."""
        rows = FleetSendRows(self._database, self._ownership)
        rows.begin()
        return rows

    def set_aside(self, target: Path) -> None:
        """Forget the keys of the account before; nothing of them is a secret that `target` keeps.

        Raises OutboxError.
        """
        del target
        FleetSendRows(self._database, self._ownership).clear()


class FleetSendRows(OwnedRows):
    """The rows; see `messages.send_rows.SendRows`. For one thread."""

    _error = OutboxError
    _where = "the outbox in the fleet's database"

    def __init__(self, database: FleetDatabase, ownership: Ownership) -> None:
        super().__init__(database, ownership)
        self._until_prune = 0

    def begin(self) -> None:
        """Note that nobody is left to hear an answer to what was dispatched."""
        with self._as_owner("open") as connection:
            connection.execute(
                "UPDATE sends SET state = 'unknown', details = '{}'"
                " WHERE session = %s AND state = 'dispatched'",
                (self._session,),
            )

    def clear(self) -> None:
        """Forget every key."""
        with self._as_owner("clear") as connection:
            connection.execute("DELETE FROM sends WHERE session = %s", (self._session,))

    def dispatch(self, key: str, what: bytes) -> Row | None:
        """Keep that the client may have this key's message from now on, or return its result."""
        self._prune()
        with self._explained("write"):
            of_key = {"key": hashed(key), "what": what}
            if self._database.change(self._ownership, _DISPATCH_NEW, of_key):
                return None
        with self._as_owner("write") as connection:
            found = connection.execute(
                "SELECT what, state, details FROM sends WHERE session = %s AND key = %s",
                (self._session, hashed(key)),
            ).fetchone()
            if found is not None:
                if found["what"] != what:
                    raise key_reused()
                row = Row(found["state"], found["details"])
                if not may_be_sent(row):
                    return row
            connection.execute(_DISPATCH, (self._session, hashed(key), what))
        return None

    def settle(self, key: str, state: str, details: str) -> None:
        """Keep the result of what was dispatched."""
        self._move(key, "dispatched", state, details)

    def amend(self, key: str, state: str, details: str) -> None:
        """Keep the result of what was unknown."""
        self._move(key, "unknown", state, details)

    def get(self, key: str) -> Row | None:
        """Return what is known of a key."""
        with self._as_owner("read") as connection:
            found = connection.execute(
                "SELECT state, details FROM sends WHERE session = %s AND key = %s",
                (self._session, hashed(key)),
            ).fetchone()
        return None if found is None else Row(found["state"], found["details"])

    def close(self) -> None:
        """Do nothing: the connections are the worker's."""

    def _move(self, key: str, before: str, state: str, details: str) -> None:
        moving = {"key": hashed(key), "before": before, "state": state, "details": details}
        with self._explained("write"):
            moved = self._database.change(self._ownership, _MOVE, moving)
        if moved != 1:
            raise OutboxError(f"no message with this key is {before}")

    def _prune(self) -> None:
        self._until_prune -= 1
        if self._until_prune > 0:
            return
        self._until_prune = PRUNE_EVERY
        limits = {
            "session": self._session,
            "keep": KEEP,
            "rows": KEEP_ROWS - 1,
            "most": _PRUNED_AT_ONCE,
        }
        with self._as_owner("write") as connection:
            connection.execute(_PRUNE, limits)
