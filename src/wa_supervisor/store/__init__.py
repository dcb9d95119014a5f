"""Where a session's keys and files live: layout, lock, snapshots, quarantine, restore.

`Vault` is the one interface to the keys; `sqlite/` and `postgres/` are its two kinds. Everything
here is synchronous and short; the supervisor calls it in a worker thread. Each part is imported
when it is first asked for: most commands want only the layout.
"""

from __future__ import annotations

from ..lazy import exports

TYPE_CHECKING = False  # as type checkers read it
if TYPE_CHECKING:
    from .credential_keeper import CredentialKeeper
    from .intent import Recovered
    from .layout import SessionFiles
    from .lock import Holder, SessionLock, read_holder
    from .quarantine import Manifest, Quarantined, expire, quarantined
    from .restore import Restored
    from .snapshots import Snapshot
    from .sqlite.vault import SqliteVault
    from .vault import Vault, claimed, open_vault

__all__ = [
    "CredentialKeeper",
    "Holder",
    "Manifest",
    "Quarantined",
    "Recovered",
    "Restored",
    "SessionFiles",
    "SessionLock",
    "Snapshot",
    "SqliteVault",
    "Vault",
    "claimed",
    "expire",
    "open_vault",
    "quarantined",
    "read_holder",
]

__getattr__ = exports(
    __name__,
    {
        "CredentialKeeper": "credential_keeper",
        "Holder": "lock",
        "Manifest": "quarantine",
        "Quarantined": "quarantine",
        "Recovered": "intent",
        "Restored": "restore",
        "SessionFiles": "layout",
        "SessionLock": "lock",
        "Snapshot": "snapshots",
        "SqliteVault": "sqlite.vault",
        "Vault": "vault",
        "claimed": "vault",
        "expire": "quarantine",
        "open_vault": "vault",
        "quarantined": "quarantine",
        "read_holder": "lock",
    },
)
