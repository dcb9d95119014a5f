"""The journal and the memory of one session in the fleet's database.

A step, what to remember after it and what the fleet is shown of the session are written in one
transaction, by the session's owner alone: a worker that has lost it writes nothing, and so does not
dial, as a dial is recorded before it happens.

Machines do not agree on the time of day, and each counts its own uptime. So a memory is kept with
the time of the database's server, and what has passed since is told by that clock when it is read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ..errors import JournalError, LockHeld, StoreError
from ..hints import Action, Hint
from ..journal.entries import Entry
from ..journal.memory import Memory
from ..journal.reader import Numbered, Past
from ..lifecycle.facts import PairSucceeded
from ..status import who_must_act

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..setting_groups import JournalSettings
    from ..status import StepRecord
    from .database import Connection, FleetDatabase
    from .ownership import Ownership

log = logging.getLogger("wa_supervisor")

PRUNE_EVERY: Final = 1000
"""Steps between two looks at what is too old, as with `journal.Journal`; so many of the newest are
kept whatever their age."""
PRUNE_AT_MOST: Final = 2 * PRUNE_EVERY
"""Rows that one look removes: it must not hold up the step that it comes with."""

_MEMORY_VERSION: Final = Memory.model_fields["version"].default
_HINT: Final = Hint(first="check that the server of the fleet's database runs")

_REMEMBER: Final = """
    INSERT INTO journals (session, memory) VALUES (%(session)s, %(memory)s)
    ON CONFLICT (session) DO UPDATE SET memory = excluded.memory, written_at = now(),
    unreadable = CASE WHEN %(was_unreadable)s THEN journals.memory ELSE journals.unreadable END
"""
_SHOW: Final = """
    UPDATE sessions SET state = %(state)s, substate = %(substate)s, reason = %(reason)s,
    since = %(since)s, paired = %(paired)s, needs = %(needs)s, failed_on = '{}'
    WHERE name = %(session)s
"""
# From now on it may be another account's: whoever has the session asks before it hands out.
_PAIRED: Final = "UPDATE accounts SET paired = %s WHERE session = %s"
_IGNORE: Final = """
    INSERT INTO ignored AS i (session, state, fact, count) VALUES (%s, %s, %s, %s)
    ON CONFLICT (session, state, fact) DO UPDATE SET count = i.count + excluded.count
"""
_PRUNE: Final = """
    DELETE FROM steps WHERE id IN (
        SELECT id FROM steps WHERE session = %(session)s
        AND id <= (SELECT id FROM steps WHERE session = %(session)s
            ORDER BY id DESC OFFSET %(young)s LIMIT 1)
        AND (
            id <= (SELECT id FROM steps WHERE session = %(session)s
                ORDER BY id DESC OFFSET %(rows)s LIMIT 1)
            -- Rows come in the order of time: the first young one ends the search.
            OR id < coalesce((SELECT id FROM steps WHERE session = %(session)s
                AND written_at >= now() - %(age)s ORDER BY id LIMIT 1), 9223372036854775807)
        )
        ORDER BY id LIMIT %(most)s
    )
"""


_AFTER: Final = """
    SELECT id, record FROM steps WHERE session = %(session)s AND id > CASE
        WHEN %(number)s::bigint >= 0 THEN %(number)s::bigint
        ELSE coalesce((SELECT id FROM steps WHERE session = %(session)s
            ORDER BY id DESC OFFSET greatest(0, -%(number)s::bigint) LIMIT 1), 0) END
    ORDER BY id LIMIT %(limit)s
"""


class PostgresRecords:
    """One session's journal, for the worker that owns it; see `journal.Records`.

    Safe to use from several threads. Every method may raise JournalError, and LockHeld once the
    session is another worker's; `on_lost` is told that, too, from whatever thread it was found in.
    `wall` is the time of day of this machine.
    """

    def __init__(
        self,
        database: FleetDatabase,
        ownership: Ownership,
        settings: JournalSettings,
        *,
        on_lost: Callable[[LockHeld], None] = lambda _: None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._settings = settings
        self._on_lost = on_lost
        self._wall = wall
        self._counting = threading.Lock()
        self._ignored: Counter[tuple[str, str]] = Counter()
        self._missed = 0
        self._until_prune = 0
        self._is_unreadable = False
        self._was_lost = False

    @property
    def was_lost(self) -> bool:
        """Whether an earlier memory could not be read; it is in the column `unreadable` then."""
        return self._was_lost

    def memory(self) -> Memory | None:
        """What the last step left to remember, whichever worker wrote it; None before the first.

        It is as if it had been written by the clock of this machine. Raises JournalError if a newer
        version of wa-supervisor wrote it: to go on without could forget a ban.
        """
        try:
            with self._database.transaction() as connection:
                found = connection.execute(
                    "SELECT memory, unreadable IS NOT NULL AS was_lost,"
                    " extract(epoch FROM clock_timestamp() - written_at)::float8 AS age"
                    " FROM journals WHERE session = %s",
                    (self._ownership.session,),
                ).fetchone()
            read_at = self._wall()
        except StoreError as error:
            raise _journal_error("read", error) from error
        if found is None:
            return None
        self._was_lost = found["was_lost"]
        memory = _read_memory(found["memory"])
        if memory is None:
            self._is_unreadable = self._was_lost = True
            return None
        age = timedelta(seconds=max(0.0, found["age"]))
        return memory.model_copy(update={"written_at": read_at - age})

    def append(self, record: StepRecord, memory: Memory) -> None:
        """Record a step and what to remember after it; Postgres has both when this returns."""
        with self._counting:
            # Taken now: the loop may go on counting while this is being written.
            missed, ignored = self._missed, self._ignored.copy()
        try:
            with self._database.as_owner(self._ownership) as connection:
                self._write(connection, record, memory, missed)
                self._write_ignored(connection, ignored)
        except BaseException as error:
            self.skip()
            if isinstance(error, LockHeld):
                self._on_lost(error)
                raise
            if isinstance(error, StoreError):
                raise _journal_error("write", error) from error
            raise
        with self._counting:
            self._missed -= missed
            self._ignored -= ignored
            self._until_prune -= 1
        self._is_unreadable = False
        if self._until_prune < 0:
            self._until_prune = PRUNE_EVERY
            self._prune()

    def skip(self) -> None:
        """Count a step that was not recorded; the next row says how many are missing before it."""
        with self._counting:
            self._missed += 1

    def ignore(self, record: StepRecord) -> None:
        """Count a fact that meant nothing where it came. In Postgres with the next step."""
        with self._counting:
            self._ignored[record.before, record.fact] += 1

    def close(self) -> None:
        """Write the last counts. The connections are the worker's."""
        with self._counting:
            ignored, self._ignored = self._ignored, Counter()
        if not ignored:
            return
        try:
            with self._database.as_owner(self._ownership) as connection:
                self._write_ignored(connection, ignored)
        except LockHeld:
            log.debug("the last counts are lost, as another worker has the session")
        except StoreError as error:
            raise _journal_error("close", error) from error

    def _write(
        self, connection: Connection, record: StepRecord, memory: Memory, missed: int
    ) -> None:
        session = self._ownership.session
        entry = Entry(**record.model_dump(), missed=missed)
        connection.execute(
            "INSERT INTO steps (session, epoch, record) VALUES (%s, %s, %s)",
            (session, self._ownership.epoch, entry.model_dump_json(exclude={"taken"})),
        )
        remembered = {
            "session": session,
            "memory": memory.model_dump_json(),
            "was_unreadable": self._is_unreadable,
        }
        connection.execute(_REMEMBER, remembered)
        connection.execute(_SHOW, _shown(session, record, memory))
        if record.taken and record.fact == PairSucceeded.name:
            connection.execute(_PAIRED, (record.generation, session))

    def _write_ignored(self, connection: Connection, counts: Counter[tuple[str, str]]) -> None:
        for (state, fact), count in counts.items():
            connection.execute(_IGNORE, (self._ownership.session, state, fact, count))

    def _prune(self) -> None:
        """Remove what is too old. It is in Postgres a while longer if that fails."""
        settings = self._settings
        limits = {
            "session": self._ownership.session,
            "young": min(PRUNE_EVERY, settings.keep_rows),
            "rows": settings.keep_rows,
            "age": timedelta(days=settings.keep_days),
            "most": PRUNE_AT_MOST,
        }
        try:
            with self._database.as_owner(self._ownership) as connection:
                connection.execute(_PRUNE, limits)
        except StoreError as error:
            log.warning("old steps are not removed from the fleet's database: %s", error)


class NoReserve:
    """Counts no dial without the journal, see `journal.DialReserve`.

    Where Postgres takes no step it gives no keys either, and proves no lease: there is no dial.
    """

    def prepare(self) -> None:
        """Do nothing."""

    def read(self) -> tuple[datetime, ...]:
        """Return no dials."""
        return ()

    def write(self, dials: tuple[datetime, ...]) -> None:
        """Refuse to count any. Raises JournalError."""
        raise JournalError(
            f"{len(dials)} dials cannot be counted without the fleet's database", hint=_HINT
        )


@dataclass(frozen=True, slots=True)
class FleetReading:
    """Reads one session's journal, from any machine; see `journal.reader.Reading`."""

    database: FleetDatabase
    session: str

    def read(self, *, since: datetime | None = None, limit: int | None = None) -> Past:
        """Read it, see `read_past`."""
        return read_past(self.database, self.session, since=since, limit=limit)

    def read_after(self, number: int, limit: int) -> tuple[Numbered, ...]:
        """Read on. A step's number is one among all sessions', so they are not dense."""
        with _read(self.session), self.database.transaction() as connection:
            rows = connection.execute(
                _AFTER, {"session": self.session, "number": number, "limit": limit}
            ).fetchall()
            return tuple(
                Numbered(row["id"], Entry.model_validate_json(row["record"])) for row in rows
            )


def read_past(
    database: FleetDatabase,
    session: str,
    *,
    since: datetime | None = None,
    limit: int | None = 1000,
) -> Past:
    """Read the newest `limit` steps not before `since`, oldest first, and the memory.

    From any machine, while the session runs, too. `limit` None: all. Raises JournalError.
    """
    with _read(session), database.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # of one moment
        rows = connection.execute(
            "SELECT record FROM steps WHERE session = %s"
            " AND (%s::timestamptz IS NULL OR written_at >= %s)"
            " ORDER BY id DESC LIMIT %s",
            (session, since, since, limit),
        ).fetchall()
        found = connection.execute(
            "SELECT (SELECT memory FROM journals WHERE session = %(session)s) AS memory,"
            " (SELECT coalesce(sum(count), 0)::bigint FROM ignored WHERE session = %(session)s)"
            " AS ignored,"
            " (SELECT coalesce(max(id), 0) FROM steps WHERE session = %(session)s) AS last",
            {"session": session},
        ).fetchone()
        assert found is not None
        return Past(
            entries=tuple(Entry.model_validate_json(row["record"]) for row in reversed(rows)),
            memory=_read_memory(found["memory"]) if found["memory"] is not None else None,
            ignored=found["ignored"],
            last=found["last"],
        )


@contextlib.contextmanager
def _read(session: str) -> Iterator[None]:
    """Raise as JournalError what goes wrong while steps are read."""
    try:
        yield
    except JournalError:
        raise
    except StoreError as error:
        raise _journal_error("read", error) from error
    except ValidationError:  # not chained: its words would repeat what is in the row
        raise JournalError(f"a step of {session!r} is not what was written") from None


def _shown(session: str, record: StepRecord, memory: Memory) -> dict[str, Any]:
    who, _ = who_must_act(memory.session)
    return {
        "session": session,
        "state": record.after,
        "substate": record.substate,
        "reason": record.reason,
        "since": memory.since,
        "paired": memory.paired,
        "needs": None if who == "nobody" else who,
    }


def _read_memory(text: str) -> Memory | None:
    """Read a memory; None if it is not what was written. Raises JournalError for a newer one."""
    if _version(text) > _MEMORY_VERSION:
        raise JournalError(
            "the session's memory in the fleet's database was written by a newer wa-supervisor: "
            "going on could forget a ban or a budget",
            hint=Hint(Action.UPGRADE, "wa-supervisor", note="on every worker"),
        )
    try:
        return Memory.model_validate_json(text)
    except ValidationError:
        return None


def _version(text: str) -> int:
    try:
        version = json.loads(text)["version"]
    except (ValueError, TypeError, KeyError):
        return 0
    return version if isinstance(version, int) else 0


def _journal_error(task: str, error: StoreError) -> JournalError:
    return JournalError(f"cannot {task} the journal: {error}", hint=error.hint or _HINT)
