"""What was notified of a fleet's session, in the database: whoever has it goes on with it.

So an incident that one worker has notified is not notified again by the next, and that it is over
is said by whoever sees it. A worker that has lost the session keeps nothing, and says no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .database import FleetDatabase
    from .ownership import Ownership

_WRITE: Final = """
    INSERT INTO notices (session, memory) VALUES (%s, %s)
    ON CONFLICT (session) DO UPDATE SET memory = excluded.memory
"""


class FleetNotices:
    """Keeps it for the session's owner, see `notify.memory.NoticeMemory`."""

    def __init__(self, database: FleetDatabase, ownership: Ownership) -> None:
        self._database = database
        self._ownership = ownership

    def read(self) -> bytes | None:
        """Return what the last owner has left. Raises StoreError, LockHeld."""
        with self._database.as_owner(self._ownership) as connection:
            row = connection.execute(
                "SELECT memory FROM notices WHERE session = %s", (self._ownership.session,)
            ).fetchone()
        return None if row is None else str(row["memory"]).encode()

    def write(self, content: bytes) -> None:
        """Keep this. Raises StoreError, LockHeld."""
        with self._database.as_owner(self._ownership) as connection:
            connection.execute(_WRITE, (self._ownership.session, content.decode()))
