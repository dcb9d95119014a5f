"""The messages of a session that are in the fleet's database, see `messages.elsewhere`.

With `fleet.inbox = "disk"` a message comes here only from the disk of a worker which is not the
session's owner any more, and goes to the disk of the one that is. With "postgres" each message is
here before a reader gets it, and until all readers have acknowledged it.

What is lost when, of what neonize has handed over:

- "disk": nothing, as long as the disks come back. What is on a disk that is gone for good is lost.
- "postgres": what a dead worker's session process had written to its log and its supervisor had not
  brought here yet, which takes some milliseconds, or as long as Postgres does not answer: at most
  the lease's seconds. It is on that worker's disk, and is handed over when the disk is back.
- Both: what dies between WhatsApp's acknowledgement and the log, as without a fleet; see
  docs/messages.md.

A reader has one cursor, whatever worker it reads on. With "postgres" an acknowledgement is here
before `ack` returns; with "disk" it is on that worker's disk, which hands over what is left.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from .. import private_files
from ..messages.elsewhere import Arrivals, Copy, Term
from ..messages.errors import InboxError
from ..messages.segments import segment_path
from .owned import OwnedRows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from .database import Connection, FleetDatabase
    from .ownership import Ownership

log = logging.getLogger("wa_supervisor")

REMEMBERED: Final = timedelta(days=30)
"""For so long a message that was dealt with is known, should it come again."""
_PRUNED_AT_ONCE: Final = 1000

_KEEP: Final = """
    INSERT INTO messages AS m (session, key, generation, record, holder, done)
    SELECT %(session)s, %(key)s, %(generation)s, %(record)s, %(holder)s, %(done)s
    FROM sessions WHERE name = %(session)s AND account_since <= %(generation)s
    ON CONFLICT (session, key) DO UPDATE SET record = excluded.record, holder = excluded.holder,
        done = excluded.done, changed_at = now()
    -- Only from the inbox that has answered for it since it was taken from here.
    WHERE m.record IS NULL AND m.holder = %(from)s
"""
_WAITING: Final = """
    SELECT id, key, record, generation, done FROM messages
    WHERE session = %(session)s AND record IS NOT NULL AND id > %(after)s
    AND (%(also_ours)s OR holder IS DISTINCT FROM %(worker)s) ORDER BY id LIMIT %(limit)s
"""
_ALL_DONE: Final = """
    NOT EXISTS (SELECT FROM readers WHERE readers.session = messages.session
        AND NOT readers.name = ANY(done || %(reader)s::text))
"""
_ACKNOWLEDGE: Final = f"""
    UPDATE messages SET changed_at = now(),
        done = CASE WHEN %(reader)s = ANY(done) THEN done ELSE done || %(reader)s::text END,
        record = CASE WHEN {_ALL_DONE} THEN NULL ELSE record END,
        holder = CASE WHEN {_ALL_DONE} THEN NULL ELSE holder END
    WHERE session = (SELECT session FROM owner) AND key = ANY(%(keys)s) AND record IS NOT NULL
"""  # noqa: S608 - a part of ours
_TAKE: Final = f"""
    UPDATE messages SET changed_at = now(), holder = %(worker)s,
        record = CASE WHEN %(keeps_all)s AND NOT {_ALL_DONE} THEN record END
    WHERE session = %(session)s AND id = ANY(%(ids)s) AND record IS NOT NULL
"""  # noqa: S608 - a part of ours
_ACCOUNT: Final = """
    INSERT INTO accounts (session, addresses, paired) VALUES (%s, %s, %s)
    ON CONFLICT (session) DO UPDATE SET addresses = excluded.addresses, paired = excluded.paired
"""
_FORGET: Final = f"""
    UPDATE messages SET changed_at = now(), record = NULL, holder = NULL
    WHERE session = %(session)s AND record IS NOT NULL AND {_ALL_DONE}
"""  # noqa: S608 - a part of ours
_PRUNE: Final = """
    DELETE FROM messages WHERE id IN (
        SELECT id FROM messages WHERE record IS NULL AND changed_at < now() - %s
        ORDER BY changed_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class FleetCopies(OwnedRows):
    """The messages of one session, for its owner; see `messages.elsewhere.Copies`."""

    _error = InboxError
    _where = "the fleet's database"

    def __init__(
        self, database: FleetDatabase, ownership: Ownership, *, keeps_all: bool = False
    ) -> None:
        super().__init__(database, ownership)
        self._keeps_all = keeps_all
        self.arrivals = Arrivals()
        """The worker announces them as it hears of them."""

    @property
    def keeps_all(self) -> bool:
        """Whether `fleet.inbox` is "postgres"."""
        return self._keeps_all

    def begin(self) -> Term:
        """Say which owner this is, and who reads."""
        with self._as_owner("begin with") as connection:
            rows = connection.execute(
                "SELECT name FROM readers WHERE session = %s", (self._session,)
            ).fetchall()
        return Term(self._ownership.epoch, frozenset(row["name"] for row in rows))

    def register(self, reader: str) -> None:
        """Add a reader."""
        with self._as_owner("keep messages in") as connection:
            connection.execute(
                "INSERT INTO readers (session, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (self._session, reader),
            )

    def forget(self, reader: str) -> None:
        """Remove a reader, and what only it was waiting for."""
        with self._as_owner("remove a reader from") as connection:
            connection.execute(
                "DELETE FROM readers WHERE session = %s AND name = %s", (self._session, reader)
            )
            connection.execute(_FORGET, {"session": self._session, "reader": reader})

    def keep(self, copies: Sequence[Copy]) -> None:
        """Insert what is not there; what was dealt with stays so."""
        with self._as_owner("keep messages in") as connection:
            keep(
                connection,
                self._session,
                copies,
                worker=self._ownership.worker,
                held=self._keeps_all,
            )

    def waiting(self, after: int, limit: int, *, also_ours: bool) -> Sequence[Copy]:
        """Select what has a record."""
        with self._as_owner("read messages from") as connection:
            rows = connection.execute(
                _WAITING,
                {
                    "session": self._session,
                    "after": after,
                    "also_ours": also_ours,
                    "worker": self._ownership.worker,
                    "limit": limit,
                },
            ).fetchall()
        return [
            Copy(
                row["key"],
                row["record"],
                row["generation"],
                frozenset(row["done"]),
                number=row["id"],
            )
            for row in rows
        ]

    def taken(self, copies: Collection[Copy]) -> None:
        """Note whose inbox has them; without `keeps_all` they are there alone from now on."""
        with self._as_owner("take messages from") as connection:
            connection.execute(
                _TAKE,
                {
                    "worker": self._ownership.worker,
                    "keeps_all": self._keeps_all,
                    "reader": "",
                    "session": self._session,
                    "ids": [copy.number for copy in copies],
                },
            )

    def acknowledge(self, reader: str, keys: Collection[bytes]) -> None:
        """Note who has dealt with them; what all have is kept by its key alone."""
        with self._explained("acknowledge messages in"):
            self._database.change(
                self._ownership, _ACKNOWLEDGE, {"reader": reader, "keys": list(keys)}
            )

    def note_account(self, addresses: str, paired: int | None = None) -> None:
        """Write its row. A pairing is noted with its step, see `records`."""
        with self._as_owner("note whose session it is in") as connection:
            connection.execute(_ACCOUNT, (self._session, addresses, paired))

    def set_aside_before(self, generation: int, target: Path) -> None:
        """Move what is of the account before into a segment; what still comes of it is dropped."""
        with self._as_owner("set messages aside in") as connection:
            connection.execute(
                "UPDATE sessions SET account_since = %s WHERE name = %s",
                (generation, self._session),
            )
            rows = connection.execute(
                "SELECT id, record FROM messages"
                " WHERE session = %s AND record IS NOT NULL AND generation < %s ORDER BY id",
                (self._session, generation),
            ).fetchall()
            if rows:
                with private_files.explained("set messages aside", target):
                    private_files.replace(
                        segment_path(target, -(10**12) - rows[0]["id"]),
                        b"".join(row["record"] for row in rows),
                    )
            connection.execute(
                "UPDATE messages SET record = NULL, holder = NULL, changed_at = now()"
                " WHERE id = ANY(%s)",
                ([row["id"] for row in rows],),
            )


def prune(connection: Connection) -> None:
    """Forget some of what was dealt with long ago, of any session, in the caller's transaction."""
    connection.execute(_PRUNE, (REMEMBERED, _PRUNED_AT_ONCE))


def keep(
    connection: Connection,
    session: str,
    copies: Sequence[Copy],
    *,
    worker: str,
    held: bool = False,
) -> None:
    """Insert the copies that this worker's disk has, in their order, in the caller's transaction.

    With `held` its inbox goes on having them. One that was handed over before is left as it is,
    unless this worker's inbox has taken it since.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            _KEEP,
            [
                {
                    "session": session,
                    "key": copy.key,
                    "generation": copy.generation,
                    "record": copy.record,
                    "holder": worker if held else None,
                    "done": sorted(copy.done),
                    "from": worker,
                }
                for copy in copies
            ],
        )
