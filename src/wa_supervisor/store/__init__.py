"""Where a session's files live: layout, lock, paired or not, snapshots, quarantine, restore.

Everything here is synchronous and short; the supervisor calls it in a worker thread.
"""

from __future__ import annotations

from .credential_keeper import Keeper
from .intent import Recovered, recover
from .layout import SessionFiles
from .lock import Holder, SessionLock, read_holder
from .quarantine import Manifest, Quarantined, expire, purge, quarantined
from .restore import Restored, restore
from .snapshot import Snapshot, snapshots, take_snapshot
from .sqlite.device import is_paired
from .vault import Vault, claimed, open_vault

__all__ = [
    "Holder",
    "Keeper",
    "Manifest",
    "Quarantined",
    "Recovered",
    "Restored",
    "SessionFiles",
    "SessionLock",
    "Snapshot",
    "Vault",
    "claimed",
    "expire",
    "is_paired",
    "open_vault",
    "purge",
    "quarantined",
    "read_holder",
    "recover",
    "restore",
    "snapshots",
    "take_snapshot",
]
