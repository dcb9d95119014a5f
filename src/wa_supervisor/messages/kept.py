"""What waits in an inbox whose supervisor is gone: nothing is created, nothing is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..sqlite_files import connect_to_read
from .cursors import JUMPED, phone_seen_at
from .database import raised_as
from .errors import InboxError
from .index_layout import MIGRATIONS
from .segments import INDEX

if TYPE_CHECKING:
    from pathlib import Path

_DEPTHS: Final = """
    SELECT name, (SELECT number FROM scan) - acknowledged
    - (SELECT count(*) FROM ahead WHERE reader = name) FROM readers
"""
_OLDEST: Final = """
    SELECT min(arrived) FROM items WHERE number > (SELECT min(acknowledged) FROM readers)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """How things stood in an inbox when it was last written."""

    received: int
    depths: dict[str, int]
    """What each reader has not acknowledged; what came at the very end may not be counted yet."""
    oldest: datetime | None
    set_aside: int
    phone_seen_at: datetime | None


def read_kept(directory: Path) -> Kept | None:
    """Look into an inbox; None if there is none. Raises InboxError."""
    path = directory / INDEX
    if not path.exists():
        return None
    with (
        raised_as(InboxError, path, "read"),
        closing(connect_to_read(path, MIGRATIONS, InboxError)) as connection,
    ):
        connection.execute("BEGIN")  # one moment for all that follows
        return _read(connection)


def _read(connection: sqlite3.Connection) -> Kept:
    counts = dict(connection.execute("SELECT name, value FROM counts"))
    (received,) = connection.execute("SELECT number FROM scan").fetchone()
    depths = dict(connection.execute(_DEPTHS))
    (oldest,) = connection.execute(_OLDEST).fetchone()
    waits = oldest is not None and any(depths.values())
    return Kept(
        received=received - counts.get(JUMPED, 0),
        depths=depths,
        oldest=datetime.fromtimestamp(oldest / 1e9, UTC) if waits else None,
        set_aside=counts.get("set_aside", 0),
        phone_seen_at=phone_seen_at(counts),
    )
