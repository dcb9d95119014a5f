"""Where a session's files live: layout, lock, paired or not, purge.

Everything here is synchronous and short; the supervisor calls it in a worker thread.
"""

from __future__ import annotations

from .device import is_paired
from .layout import SessionFiles
from .lock import Holder, SessionLock, read_holder
from .purge import purge

__all__ = ["Holder", "SessionFiles", "SessionLock", "is_paired", "purge", "read_holder"]
