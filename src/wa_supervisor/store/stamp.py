"""Names that begin with a UTC time and sort in the order in which they were made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORMAT = "%Y%m%dT%H%M%SZ"
_NEVER = 9999  # no later time could be written
LENGTH = 16
"""Characters of a stamp."""


def next_stamp(names: Iterable[str], now: datetime) -> str:
    """Give a stamp later than those which `names` begin with.

    It is `now`, unless the clock was set back or two names fall into one second: the order must
    hold then, too, because the newest copy is the one that is used and the oldest is removed.
    """
    latest = max(map(moment, names), default=None)
    if latest is not None and now < latest + timedelta(seconds=1):
        now = latest + timedelta(seconds=1)
    return now.strftime(_FORMAT)


def is_stamped(name: str) -> bool:
    """Say whether a name begins with a time that there is."""
    try:
        return moment(name).year < _NEVER
    except ValueError:
        return False


def moment(name: str) -> datetime:
    """Read the time a name begins with. Raises ValueError."""
    return datetime.fromisoformat(name[:LENGTH])
